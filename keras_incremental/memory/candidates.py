from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from keras_incremental.data import arrays
from keras_incremental.data.labels import check_labels
from keras_incremental.data.source import Source


def gather(
    source: Source, limit: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The samples of each class to select from, in one pass.

    A class with more than `limit` samples is represented by `limit` of them,
    drawn with equal chances; so a long stream needs bounded memory.

    Args:
        source: `Source` with global labels.
        limit: Int, most candidates of a class.
        seed: Int. Defaults to `0`.

    Returns:
        Arrays `(x, y)`: x in compact storage (`x.astype(source.dtype)` is
        what the model saw), y of int64, class by class.
    """
    pools: dict[int, _Pool] = {}
    for x, y in source.all_batches():
        y = class_of_each(y)
        for label in np.unique(y).tolist():
            pool = pools.setdefault(label, _Pool(limit, [seed, label]))
            pool.add(arrays.compact(x[y == label]))
    parts = [pools[label].result(source.dtype) for label in sorted(pools)]
    y = np.repeat(sorted(pools), [len(part) for part in parts])
    return arrays.concatenate(parts, source.dtype), y.astype("int64")


def class_of_each(y: np.ndarray | None) -> np.ndarray:
    """Global labels as int64 of shape `(n,)`."""
    if y is None:
        raise ValueError(
            "Exemplars need labels. Received: y=None. Pass `y`, or data "
            "that yields (x, y)."
        )
    labels = check_labels(y, None)
    if labels.ndim != 1:
        raise ValueError(
            "Exemplars need one label for each sample. Received: labels of "
            f"shape {labels.shape}."
        )
    return labels


class _Pool:
    """Keeps the samples with the lowest random keys, in order of arrival."""

    def __init__(self, limit: int, seed: Sequence[int]):
        self._limit = limit
        self._draw = np.random.default_rng(seed).random
        self._x: list[np.ndarray] = []
        self._keys: list[np.ndarray] = []
        self._size = 0

    def add(self, x: np.ndarray) -> None:
        self._x.append(x)
        self._keys.append(self._draw(len(x)))
        self._size += len(x)
        if self._size > 2 * self._limit:
            self._shrink(None)

    def result(self, dtype: DTypeLike):
        self._shrink(dtype)
        return self._x[0]

    def _shrink(self, dtype):
        keys = np.concatenate(self._keys)
        dtype = dtype or np.result_type(*[x.dtype for x in self._x])
        x = arrays.concatenate(self._x, dtype)
        if self._size > self._limit:
            lowest = np.argpartition(keys, self._limit)[: self._limit]
            rows = np.sort(lowest)
            keys, x = keys[rows], x[rows]
        self._x, self._keys, self._size = [x], [keys], len(keys)
