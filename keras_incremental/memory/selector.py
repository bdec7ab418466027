"""Selection of exemplars among the samples of each class."""

import functools
from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import DTypeLike

from keras_incremental.data import arrays
from keras_incremental.data.labels import check_labels
from keras_incremental.data.source import Source
from keras_incremental.utils import devices
from keras_incremental.utils import graph
from keras_incremental.utils import large_arrays
from keras_incremental.utils import long_progress
from keras_incremental.utils import records
from keras_incremental.utils import varying
from keras_incremental.utils.types import Selection

# Candidates whose features are computed at a time.
CHUNK = 256


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


class Selector:
    """A selection with the features that it compares.

    Args:
        function: Selection `(features, count, seed) -> indices`.
        seed: Int.
        dtype: dtype of the samples as the model sees them.
    """

    def __init__(self, function: Selection, seed: int, dtype: DTypeLike):
        self._function = function
        self._seed = seed
        self._dtype = dtype
        self._compute = None
        self._new = None

    def look_at(
        self, x: np.ndarray, features: Sequence, model: keras.Model | None
    ) -> None:
        """Takes or computes what the selection compares of new samples.

        Args:
            x: New samples.
            features: List of arrays, functions and `None`, the first that
                is not `None` counts; stored samples need a function.
            model: Classifier that stands in for a function, or `None`.
        """
        if not uses_features(self._function):
            return
        functions = [f for f in features if callable(f)]
        given = [f for f in features if f is not None][:1]
        if functions:
            self._compute = functions[0]
        elif model is not None:
            self._compute = _features_of(model)
        if given and not callable(given[0]):
            self._new = _given(given[0], x)
        else:
            self._new = self._computed(x)

    def __call__(
        self, label: int, stored: np.ndarray, rows: np.ndarray, count: int
    ) -> np.ndarray:
        size = len(stored) + len(rows)
        features = np.empty((size, 0))
        if self._new is not None:
            features = large_arrays.take(self._new, rows)
            if len(stored):
                features = np.concatenate([self._computed(stored), features])
        return self._function(features, count, [self._seed, label])

    def _computed(self, x):
        if self._compute is None:
            raise ValueError(
                "Selecting exemplars needs features of the samples. "
                "Received: features=None, model=None, or an array without "
                "the features of samples that are stored already. Pass "
                "`model=`, or a function as `features=`, or use "
                "selection='random'."
            )
        starts = range(0, len(x), CHUNK)
        parts = [
            varying.by_shape(self._of_chunk, x[i : i + CHUNK])
            for i in long_progress.steps_of(
                starts, "computing features to select by", len(starts)
            )
        ]
        return np.concatenate(parts)

    def _of_chunk(self, x):
        return _flat(self._compute(self._read(x)), len(x))

    def _read(self, x):
        if not records.is_records(x):
            return x.astype(self._dtype)
        return records.readable(records.cast(x, self._dtype))


def uses_features(function: Selection) -> bool:
    """Whether a selection looks at features, or only at their number."""
    return getattr(function, "uses_features", True)


def check_features(function: Selection, model: keras.Model) -> None:
    """Raises if a model that is built cannot give what is compared."""
    if uses_features(function) and model.built:
        _features_of(model)


def _features_of(model):
    try:
        features = graph.split_head(model).features
        return functools.partial(devices.predict_on_batch, features)
    except ValueError as error:
        raise ValueError(
            f"{error} Or give `features`, a function of a batch of samples, "
            "or use selection='random'."
        ) from error


def _given(features, x):
    features = _to_rows(features)
    if len(features) != len(x):
        raise ValueError(
            "`features` must have one row for each sample. Received: "
            f"{len(features)} rows for {len(x)} samples."
        )
    return features


def _flat(features, expected):
    features = _to_rows(features)
    if len(features) != expected:
        raise ValueError(
            "`features` must return one row for each sample. Received: "
            f"{len(features)} rows for {expected} samples."
        )
    return features


def _to_rows(features):
    features = arrays.to_numpy(features, "features")
    return features.reshape(len(features), -1)
