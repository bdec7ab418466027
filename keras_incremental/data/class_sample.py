"""A part of the samples of a pass, as many of each class."""

import bisect

import numpy as np
from numpy.typing import DTypeLike

from keras_incremental.data import arrays
from keras_incremental.data.feature_cache import keys_of
from keras_incremental.utils import large_arrays


class ClassSample:
    """Samples that arrive in batches, of which some are kept.

    While all fit, all are kept; beyond, as many of each class, drawn with
    equal chances. They stay in the order in which they came.

    Args:
        max_bytes: Int, bytes to keep, in compact storage.
        least: Int, how many samples may be kept in any case. Defaults to `1`.
        of_each: Int, how many of each class may be. Defaults to `1`.
        seed: Int. Defaults to `0`.

    Attributes:
        count: Int. How many samples came.
        rows: Ints, when each of the kept ones came, after `array`.
    """

    def __init__(
        self, max_bytes: int, least: int = 1, of_each: int = 1, seed: int = 0
    ):
        self._max_bytes, self._least, self._of_each = max_bytes, least, of_each
        self.rows = np.zeros(0, int)
        self._draw = np.random.default_rng(seed).random
        self._numbers: dict[str, int] = {}
        self._x: list[np.ndarray] = []
        # Of each sample: when it came, its class, and what decides on it.
        self._marks: list[np.ndarray] = []
        self._held = self.count = 0
        self._keys: list[np.ndarray] = []

    def add(self, x: np.ndarray, y: np.ndarray | None) -> None:
        """Adds a batch.

        Args:
            x: Array of samples.
            y: Array of their labels in any form, or `None` for one class.
        """
        self._keys.append(short_keys_of(x))
        x = arrays.compact(x)
        places = self.count + np.arange(len(x))
        marks = [places, self._classes_of(y, len(x)), self._draw(len(x))]
        self._x.append(x)
        self._marks.append(np.stack(marks, axis=1))
        self._held += len(x)
        self.count += len(x)
        if self._held > 2 * self._most:
            self._shrink(np.result_type(*(x.dtype for x in self._x)))

    def array(self, dtype: DTypeLike) -> np.ndarray:
        """Returns the kept samples; where they differ in storage, in `dtype`.

        No more can be added.
        """
        if self._held > self._most:
            self._shrink(dtype)
        self.rows = np.concatenate([m[:, 0] for m in self._marks]).astype(int)
        return arrays.concatenate(self._x, dtype)

    @property
    def keys(self) -> np.ndarray:
        """Keys of all samples that came, see `short_keys_of`."""
        return np.concatenate(self._keys)

    @property
    def _most(self):
        row = max(self._x[-1].nbytes // max(len(self._x[-1]), 1), 1)
        of_each = self._of_each * len(self._numbers)
        return max(self._max_bytes // row, self._least, of_each)

    def _classes_of(self, y, count):
        if y is None:
            return np.zeros(count, int)
        values, places = np.unique(y, axis=0, return_inverse=True)
        names = [str(value) for value in values.tolist()]
        numbers = [
            self._numbers.setdefault(name, len(self._numbers)) for name in names
        ]
        return np.array(numbers)[places.ravel()]

    def _shrink(self, dtype):
        x = arrays.concatenate(self._x, dtype)
        marks = np.concatenate(self._marks)
        rows = _chosen(marks[:, 1].astype(int), marks[:, 2], self._most)
        if len(rows) < len(x):
            x, marks = large_arrays.take(x, rows), marks[rows]
        self._x, self._marks, self._held = [x], [marks], len(x)


def short_keys_of(samples: np.ndarray) -> np.ndarray:
    """Returns the first 8 bytes of the key of each sample, as ints."""
    keys = b"".join(key[:8] for key in keys_of(samples))
    return np.frombuffer(keys, "uint64")


def _chosen(classes, chances, most):
    """Returns the rows to keep, those of the lowest chances of each class."""
    counts = np.bincount(classes)
    if len(classes) <= most:
        return np.arange(len(classes))

    def total(share):
        return int(np.minimum(counts, share).sum())

    shares = range(1, int(counts.max()) + 1)
    share = max(bisect.bisect_right(shares, most, key=total), 1)
    order = np.lexsort((chances, classes))
    starts = np.cumsum(counts) - counts
    ranks = np.arange(len(order)) - starts[classes[order]]
    return np.sort(order[ranks < share])
