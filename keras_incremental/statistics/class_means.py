"""Means of classes, and the scatter of samples around them.

Each class but `ClassMeans` is one kind of scatter: what statistics keep
besides counts and means.
"""

import functools
import operator
from typing import Any
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.utils import large_arrays
from keras_incremental.utils import long_progress
from keras_incremental.utils.types import Store

# Share of a scatter that sums of float64 may leave of what is taken out.
ROUNDING = 1e-12
# Bytes of features that are added up in float64 at a time: 8 MiB.
AT_ONCE = 2**23


class NoScatter:
    """No scatter: counts and means are all that is kept.

    Attributes:
        ndim: Int, the rank of the scatter.
    """

    ndim = 0

    @staticmethod
    def of(centered: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Returns the scatter of distances `(num_samples, features)`."""
        return np.zeros(())

    @staticmethod
    def between(weights: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """Returns the scatter of one weighted distance for each class."""
        return np.zeros(())

    @classmethod
    def joined(
        cls,
        one: np.ndarray,
        two: np.ndarray,
        sign: int,
        weights: np.ndarray,
        steps: np.ndarray,
    ) -> np.ndarray:
        """Returns the scatter of two sets of samples around common means.

        Args:
            one: Scatter of the first set.
            two: Scatter of the second set.
            sign: Int, `-1` where the second set is taken out of the first.
            weights: Array of shape `(num_classes,)`, see `between`.
            steps: Array of shape `(num_classes, features)`, the distances
                between the means of both.
        """
        joined = one + sign * two + cls.between(weights, steps)
        return joined if sign > 0 else without_rounding(joined, one)

    @staticmethod
    def padded(scatter: np.ndarray, num_classes: int) -> np.ndarray:
        """Returns the scatter, padded to a number of classes."""
        return scatter

    @staticmethod
    def only(scatter: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Returns the scatter of some classes."""
        return scatter

    @staticmethod
    def scaled(scatter: np.ndarray, factor: float) -> np.ndarray:
        """Returns the scatter of so many times as many samples."""
        return scatter * factor

    @staticmethod
    def in_units(scatter: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Returns the scatter of features that are divided by units."""
        return scatter / units

    @classmethod
    def without(
        cls, scatter: np.ndarray, gone: np.ndarray, share: float
    ) -> np.ndarray:
        """Returns the scatter without the removed classes.

        Args:
            scatter: Array.
            gone: Bools of shape `(num_classes,)`, the removed classes.
            share: Float from 0 to 1, the share of samples that stay.
        """
        return cls.scaled(scatter, share)


class SharedScatter(NoScatter):
    """One matrix for all classes, of shape `(features, features)`."""

    ndim = 2

    @staticmethod
    def of(centered: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return centered.T @ centered

    @staticmethod
    def in_units(scatter: np.ndarray, units: np.ndarray) -> np.ndarray:
        return scatter / units / units[:, None]

    @staticmethod
    def between(weights: np.ndarray, steps: np.ndarray) -> np.ndarray:
        return (steps * weights[:, None]).T @ steps


class RowScatter(NoScatter):
    """Rows whose outer products add up to one matrix for all classes.

    They have the shape `(num_rows, features)`, and take less room than the
    matrix where there are more features than rows.
    """

    ndim = 2

    @staticmethod
    def of(centered: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return centered[centered.any(-1)]

    @staticmethod
    def between(weights: np.ndarray, steps: np.ndarray) -> np.ndarray:
        rows = np.sqrt(weights)[:, None] * steps
        return rows[rows.any(-1)]

    @classmethod
    def joined(
        cls,
        one: np.ndarray,
        two: np.ndarray,
        sign: int,
        weights: np.ndarray,
        steps: np.ndarray,
    ) -> np.ndarray:
        if sign < 0:
            raise ValueError(
                "Samples cannot be taken out of statistics of so many "
                f"features. Received: {steps.shape[-1]} features. Add up the "
                "statistics of the samples that stay."
            )
        return np.concatenate([one, two, cls.between(weights, steps)])

    @staticmethod
    def scaled(scatter: np.ndarray, factor: float) -> np.ndarray:
        return scatter * np.sqrt(factor)


class ClassScatter(NoScatter):
    """One matrix a class, of shape `(num_classes, features, features)`."""

    ndim = 3

    @staticmethod
    def of(centered: np.ndarray, labels: np.ndarray) -> np.ndarray:
        parts = [centered[labels == k] for k in range(labels.max() + 1)]
        return np.stack([part.T @ part for part in parts])

    @staticmethod
    def between(weights: np.ndarray, steps: np.ndarray) -> np.ndarray:
        scaled = steps * weights[:, None]
        return scaled[:, :, None] * steps[:, None, :]

    @staticmethod
    def padded(scatter: np.ndarray, num_classes: int) -> np.ndarray:
        return padded(scatter, num_classes)

    @staticmethod
    def only(scatter: np.ndarray, classes: np.ndarray) -> np.ndarray:
        return scatter[classes]

    @classmethod
    def without(
        cls, scatter: np.ndarray, gone: np.ndarray, share: float
    ) -> np.ndarray:
        return np.where(gone[:, None, None], 0.0, scatter)


def padded(array: np.ndarray, length: int) -> np.ndarray:
    """Pads an array with zeros to a length."""
    missing = (0, length - len(array))
    return np.pad(array, [missing] + [(0, 0)] * (array.ndim - 1))


def without_rounding(left: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Returns zeros for matrices that are only what rounding has left.

    Args:
        left: Scatter, after samples were taken out.
        whole: Scatter, before.
    """
    if left.ndim < 2:
        return left
    traces = [np.trace(x, axis1=-2, axis2=-1) for x in (left, whole)]
    is_left = traces[0] > ROUNDING * traces[1]
    return np.where(is_left[..., None, None], left, 0.0)


class ClassMeans:
    """Number of samples and mean of the features of each class.

    Instances are immutable. `updated` and `+` are exact for any order and
    any chunks of the data; `-` undoes them. Subclasses also keep a scatter,
    a sum over the distances of samples from the mean of their class;
    `SCATTER` is the kind of that sum.

    Args:
        counts: Ints of shape `(num_classes,)`, 0 for an unseen class.
            Defaults to `()`.
        means: Array of shape `(num_classes, features)`. Defaults to `None`.
        scatter: Array; 0 in this class. Defaults to `None`.
    """

    ARRAYS: tuple[str, ...] = ("counts", "means", "scatter")
    SCATTER: type[NoScatter] = NoScatter

    def __init__(
        self,
        counts: ArrayLike = (),
        means: np.ndarray | None = None,
        scatter: np.ndarray | None = None,
    ):
        self.counts = np.asarray(counts, int)
        self.means: Any = means
        self.scatter: Any = scatter

    def __len__(self):
        return int(self.counts.sum())

    def updated(self, features: ArrayLike, labels: ArrayLike) -> Self:
        """Returns the statistics with additional samples.

        Args:
            features: Array of shape `(num_samples, ..., features)`. Each
                position of a map is a sample.
            labels: Ints of shape `(num_samples,)`.

        Returns:
            New statistics of the same class.
        """
        return self + self.of(features, labels)

    @classmethod
    def of(cls, features: ArrayLike, labels: ArrayLike) -> Self:
        """Returns the statistics of samples. See `updated`."""
        features, labels = np.asarray(features), np.asarray(labels)
        parts = long_progress.steps_of(
            large_arrays.slices(features, AT_ONCE),
            "computing statistics",
            len(features),
            "sample",
        )
        made = (cls._of(features[rows], labels[rows]) for rows in parts)
        return functools.reduce(operator.add, made, cls())

    @classmethod
    def _of(cls, features, labels):
        features = features.astype("float64")
        positions = int(np.prod(features.shape[1:-1], initial=1))
        rows = features.reshape(-1, features.shape[-1])
        labels = np.repeat(labels, positions)
        if not len(rows):
            return cls()
        counts = np.bincount(labels)
        means = np.zeros((len(counts), rows.shape[-1]))
        for label in np.flatnonzero(counts):
            means[label] = rows[labels == label].mean(0)
        scatter = cls.SCATTER.of(rows - means[labels], labels)
        return cls(counts, means, scatter)

    def __add__(self, other):
        if not len(self.counts) or not len(other.counts):
            return self if len(self.counts) else other
        return self._joined(other, 1)

    def __sub__(self, other):
        """Returns the statistics without samples that were added before.

        Raises:
            ValueError: if a class has fewer samples than are removed.
        """
        size = max(len(self.counts), len(other.counts))
        left = padded(self.counts, size) - padded(other.counts, size)
        if np.any(left < 0):
            raise ValueError(
                "Only samples that were added before can be removed. "
                f"Received: counts to remove {other.counts.tolist()}, of "
                f"{self.counts.tolist()}. Remove fewer samples of each class."
            )
        if not left.any():
            # As a file brings it back.
            return type(self)()
        return self._joined(other, -1) if len(other.counts) else self

    def only(self, classes: np.ndarray) -> Self:
        """Returns the statistics of some classes, renumbered from 0."""
        scatter = self.SCATTER.only(self.scatter, classes)
        return self._with(self.counts[classes], self.means[classes], scatter)

    def placed(self, places: np.ndarray, num_classes: int) -> Self:
        """Returns the statistics with other labels.

        Args:
            places: Ints of shape `(len(self.counts),)`, the new label of each
                class, no two of them alike.
            num_classes: Int, more than each of them.
        """
        size = len(self.counts)
        index = np.full(num_classes, size)
        index[places] = np.arange(size)
        return self._widened(size + 1).only(index)

    def without(self, classes: ArrayLike) -> Self:
        """Returns the statistics without the samples of some classes.

        The mean scatter per sample stays the same if classes share it.
        """
        gone = np.isin(np.arange(len(self.counts)), classes)
        if not gone.any():
            return self
        counts = np.where(gone, 0, self.counts)
        if not counts.any():
            return type(self)()
        share = counts.sum() / max(len(self), 1)
        return self._with(
            counts,
            np.where(gone[:, None], 0.0, self.means),
            self.SCATTER.without(self.scatter, gone, share),
            share,
        )

    @property
    def mean(self) -> np.ndarray:
        """Mean over all samples, of shape `(features,)`."""
        return self.counts @ self.means / len(self)

    def save_to(self, store: Store, prefix: str = "") -> None:
        """Writes the arrays into a store, nothing where there are none.

        Args:
            store: Mapping of names and arrays, as Keras gives it to
                `save_own_variables`.
            prefix: String before the names. Defaults to `""`.
        """
        for name in self.ARRAYS if len(self) else ():
            store[prefix + name] = np.asarray(getattr(self, name))

    @classmethod
    def load_from(cls, store: Store, prefix: str = "") -> Self:
        """Returns the statistics that `save_to` wrote, or empty ones.

        Args:
            store: Mapping of names and arrays.
            prefix: String before the names. Defaults to `""`.
        """
        if prefix + "counts" not in set(store.keys()):
            return cls()
        return cls(*(np.asarray(store[prefix + name]) for name in cls.ARRAYS))

    def _joined(self, other, sign):
        size = max(len(self.counts), len(other.counts))
        one, two = self._widened(size), other._widened(size)
        counts = one.counts + sign * two.counts
        share = sign * two.counts / np.maximum(counts, 1)
        steps = np.where(two.counts[:, None], two.means - one.means, 0)
        means = (one.means + share[:, None] * steps) * (counts > 0)[:, None]
        weights = one.counts * share * (counts > 0)
        scatter = self.SCATTER.joined(
            one.scatter, two.scatter, sign, weights, steps
        )
        return one._with(counts, means, scatter)

    def _widened(self, num_classes):
        return self._with(
            padded(self.counts, num_classes),
            padded(self.means, num_classes),
            self.SCATTER.padded(self.scatter, num_classes),
        )

    def _with(self, counts, means, scatter, share=1.0):
        """Returns statistics of the same kind with other arrays.

        Args:
            counts: See `ClassMeans`, as are `means` and `scatter`.
            share: Float, how many times as many samples they are of.
        """
        return type(self)(counts, means, scatter)
