"""Statistics of features whose covariance matrix would be too large."""

from collections.abc import Sequence
from typing import Any
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.statistics.class_means import RowScatter
from keras_incremental.statistics.feature_statistics import FeatureStatistics
from keras_incremental.statistics.gaussian import Gaussian
from keras_incremental.statistics.spectrum import spectrum_of_rows
from keras_incremental.utils.types import Store

# A matrix of all pairs of features: 128 MiB at most.
MOST_FEATURES = 4096
MOST = MOST_FEATURES**2


class LowRankStatistics(FeatureStatistics):
    """`FeatureStatistics` of many features, in bounded memory.

    The scatter is kept as rows, whose outer products add up to it. Where
    these are more than 128 MiB, they are turned into the directions in which
    the samples differ most, in half of that, and the rest of the scatter is
    spread evenly over all directions. Up to then all is exact.

    Reference:
    - [Liberty, 2013](https://arxiv.org/abs/1206.0594), sketches of rows that
      are compressed now and then

    Args:
        counts: See `FeatureStatistics`.
        means: See `FeatureStatistics`.
        scatter: Array of shape `(num_rows, features)`. Defaults to `None`.
        rest: Float, 0 or more: the trace of what the rows left out. Defaults
            to `0.0`.
    """

    ARRAYS = ("counts", "means", "scatter", "rest")
    SCATTER = RowScatter

    def __init__(
        self,
        counts: ArrayLike = (),
        means: np.ndarray | None = None,
        scatter: np.ndarray | None = None,
        rest: Any = 0.0,
    ):
        super().__init__(counts, means, scatter)
        self.rest = float(rest)

    @classmethod
    def of(cls, features: ArrayLike, labels: ArrayLike) -> Self:
        return super().of(features, labels)._compressed()

    @property
    def within(self) -> float:
        return float(np.sum(np.square(self.scatter)) + self.rest)

    @property
    def remainder(self) -> float:
        return self.rest / self.means.shape[-1]

    def scatter_around(self, point: np.ndarray) -> np.ndarray:
        steps = self.means - point
        rows = np.concatenate(
            [self.scatter, self.SCATTER.between(self.counts, steps)]
        )
        gram = rows.T @ rows
        gram.flat[:: len(gram) + 1] += self.remainder
        return gram

    def spectrum(
        self, each: float, steps: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        rows = np.concatenate([self.scatter, np.sqrt(each) * steps])
        return spectrum_of_rows(rows)

    def shrunk_normal(self, shrinkage: str) -> tuple[Gaussian, float]:
        return self._shrunk_gaussian(shrinkage)

    def _squares_within(self):
        return np.square(self.scatter).sum(0)

    def _spectrum_within(self):
        return spectrum_of_rows(self.scatter)

    def units(self) -> np.ndarray | None:
        # What is spread evenly over all directions has no other units.
        return None if self.rest else super().units()

    def fits(self, width: int) -> bool:
        rows = np.shape(self.scatter)
        return (
            len(rows) == 2
            and rows[1] == width
            and rows[0] * width <= MOST
            and bool(np.isfinite(self.scatter).all())
            and np.isfinite(self.rest)
            and self.rest >= 0
        )

    def __add__(self, other):
        return super().__add__(other)._compressed()

    def _with(self, counts, means, scatter, share=1.0):
        return type(self)(counts, means, scatter, self.rest * share)

    def _joined(self, other, sign):
        joined = super()._joined(other, sign)
        arrays = joined.counts, joined.means, joined.scatter
        return type(self)(*arrays, self.rest + other.rest)

    def _compressed(self):
        """Returns statistics with fewer rows, if there are too many."""
        if not len(self) or self.scatter.size <= MOST:
            return self
        values, directions = spectrum_of_rows(self.scatter)
        kept = MOST // 2 // self.means.shape[-1]
        rows = (directions[:, :kept] * np.sqrt(values[:kept])).T
        rest = self.rest + float(values[kept:].sum())
        return type(self)(self.counts, self.means, rows, rest)


def empty_statistics(width: int) -> FeatureStatistics:
    """Returns statistics without samples, in bounded memory.

    Args:
        width: Int. The number of features.
    """
    return (
        FeatureStatistics() if width <= MOST_FEATURES else LowRankStatistics()
    )


def load_statistics(
    store: Store, width: int, prefix: str = ""
) -> FeatureStatistics:
    """Returns the statistics that a store holds, or empty ones.

    Args:
        store: Mapping of names and arrays.
        width: Int. The number of features.
        prefix: String before the names. Defaults to `""`.
    """
    kinds: Sequence = (LowRankStatistics, FeatureStatistics)
    for kind in kinds:
        if {prefix + name for name in kind.ARRAYS} <= set(store.keys()):
            return kind.load_from(store, prefix)
    return empty_statistics(width)
