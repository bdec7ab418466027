"""Statistics that are updated in time that grows with the new samples."""

from typing import Any
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.statistics.class_means import ClassMeans
from keras_incremental.statistics.class_means import NoScatter
from keras_incremental.statistics.class_means import RowScatter
from keras_incremental.statistics.feature_statistics import FeatureStatistics
from keras_incremental.statistics.gram import CorrectedGram
from keras_incremental.statistics.gram import Gram
from keras_incremental.statistics.gram import SpectralGram
from keras_incremental.statistics.spectrum import spectrum

# With a tenth as many rows and classes as features, a correction takes as
# long as an eigendecomposition.
FEW = 10


class RowStatistics(ClassMeans):
    """Statistics whose scatter is a diagonal, and rows of later samples.

    In coordinates along the eigenvectors of a scatter, see `turned`, it is a
    diagonal. Samples that come later are rows, and a head is solved from both
    without another eigendecomposition, exactly.

    Args:
        counts: See `ClassMeans`.
        means: See `ClassMeans`.
        scatter: Array of shape `(num_rows, features)`, whose outer products
            add up to what the diagonal does not hold. Defaults to `None`.
        diagonal: Array of shape `(features,)`, 0 or more. Defaults to `None`,
            all 0.
    """

    ARRAYS = ("counts", "means", "scatter", "diagonal")
    SCATTER: type[NoScatter] = RowScatter

    def __init__(
        self,
        counts: ArrayLike = (),
        means: np.ndarray | None = None,
        scatter: np.ndarray | None = None,
        diagonal: np.ndarray | None = None,
    ):
        super().__init__(counts, means, scatter)
        if diagonal is None and means is not None:
            diagonal = np.zeros(means.shape[-1])
        self.diagonal: Any = diagonal

    @property
    def remainder(self) -> float:
        """Float. What `gram` leaves out of each eigenvalue."""
        return 0.0

    @property
    def lag(self) -> float:
        """Float. The number of rows, as a share of that of features."""
        return len(self.scatter) / len(self.diagonal)

    def gram(self, each: float, steps: np.ndarray) -> Gram:
        """Returns what `FeatureStatistics.gram` does."""
        if FEW * (len(self.scatter) + len(steps)) <= len(self.diagonal):
            return CorrectedGram.of(self.diagonal, self.scatter, steps, each)
        matrix = self.matrix().scatter + each * steps.T @ steps
        return SpectralGram.of_steps(spectrum(matrix), steps, each)

    def matrix(self) -> FeatureStatistics:
        """Returns the `FeatureStatistics` of the same samples."""
        if not len(self):
            return FeatureStatistics()
        scatter = self.scatter.T @ self.scatter
        scatter.flat[:: len(scatter) + 1] += self.diagonal
        return FeatureStatistics(self.counts, self.means, scatter)

    def mixed(self) -> Self:
        """Returns the same with other rows, of which none is of one sample."""
        if not len(self):
            return self
        return self._with(
            self.counts, self.means, np.linalg.qr(self.scatter, mode="r")
        )

    def __add__(self, other):
        joined = super().__add__(other)
        crowded = len(joined) and len(joined.scatter) > 2 * len(joined.diagonal)
        return joined.mixed() if crowded else joined

    def _with(self, counts, means, scatter, share=1.0):
        return type(self)(counts, means, scatter, self.diagonal * share)

    def _joined(self, other, sign):
        joined = super()._joined(other, sign)
        diagonal = self.diagonal + sign * other.diagonal
        return type(self)(joined.counts, joined.means, joined.scatter, diagonal)


def turned(
    statistics: FeatureStatistics,
) -> tuple[np.ndarray, RowStatistics]:
    """Returns a basis, and the statistics of features seen along it.

    A head that is solved from them is `basis @ kernel` for the features as
    they were. It takes one eigendecomposition.

    Args:
        statistics: `FeatureStatistics`, with samples.

    Returns:
        Array of shape `(features, features)`, orthonormal, and
        `RowStatistics` of `features @ basis`.
    """
    values, basis = spectrum(statistics.scatter)
    means = statistics.means @ basis
    rows = np.zeros((0, len(values)))
    return basis, RowStatistics(statistics.counts, means, rows, values)
