"""Statistics of classes with one covariance, of samples or told by a head."""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import Self

import numpy as np

from keras_incremental.statistics.class_means import ClassMeans
from keras_incremental.statistics.class_means import NoScatter
from keras_incremental.statistics.class_means import SharedScatter
from keras_incremental.statistics.class_means import padded
from keras_incremental.statistics.gaussian import Gaussian
from keras_incremental.statistics.gram import SpectralGram
from keras_incremental.statistics.normal import Normal
from keras_incremental.statistics.shrinkage import EVIDENCE
from keras_incremental.statistics.shrinkage import share_of
from keras_incremental.statistics.shrinkage import share_of_sphere
from keras_incremental.statistics.shrinkage import shrunk
from keras_incremental.statistics.spectrum import is_few
from keras_incremental.statistics.spectrum import spectrum
from keras_incremental.statistics.units import units_of


class FeatureStatistics(ClassMeans):
    """Mean of each class, and the covariance within classes.

    These statistics are all that is kept of samples that are not exemplars.
    They stay valid while the features do not change. See `ClassMeans` for
    how to create and combine them.

    Reference:
    - [Hayes & Kanan, 2020](https://arxiv.org/abs/1909.01520), the shared
      covariance; [Zhang et al., 2023](https://arxiv.org/abs/2303.05118),
      drawing features of old classes

    Attributes:
        counts: Ints of shape `(num_classes,)`, 0 for an unseen class.
        means: Array of shape `(num_classes, features)`.
        scatter: Array of shape `(features, features)`: sum over samples of
            the outer product of the distance from the mean of their class.
    """

    SCATTER: type[NoScatter] = SharedScatter

    def scatter_around(self, point: np.ndarray) -> np.ndarray:
        """Returns the sum of outer products of the distances from a point."""
        steps = self.means - point
        return self.scatter + self.SCATTER.between(self.counts, steps)

    def spectrum(
        self, each: float, steps: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the eigenvalues and eigenvectors of the scatter and more.

        Args:
            each: Float above 0, the factor of the outer products of `steps`.
            steps: Array of shape `(num_steps, features)`.

        Returns:
            Arrays of shape `(found,)` and `(features, found)`, see `spectrum`
            of `keras_incremental.statistics.spectrum`. What is orthogonal to
            all eigenvectors has the eigenvalue 0.
        """
        return spectrum(self.scatter + each * steps.T @ steps, rank=len(self))

    def gram(self, each: float, steps: np.ndarray) -> SpectralGram:
        """Returns the Gram matrix of a regression that tells the classes.

        Args:
            each: Float, how many samples each class counts as.
            steps: Array of shape `(classes, features)`, the distances of the
                means from their center.
        """
        return SpectralGram.of_steps(self.spectrum(each, steps), steps, each)

    def units(self) -> np.ndarray | None:
        """Returns units of the features, or `None`, see `units_of`."""
        squares = np.square(self.means - self.mean).T @ self.counts
        squares += self._squares_within()
        return units_of(squares, self.means, len(self))

    def in_units(self, units: np.ndarray) -> Self:
        """Returns the statistics of features that are divided by units.

        Args:
            units: Array of shape `(features,)`, above 0.
        """
        scatter = self.SCATTER.in_units(self.scatter, units)
        return self._with(self.counts, self.means / units, scatter)

    def _squares_within(self):
        return np.diag(self.scatter)

    def normal(self, shrinkage: str = EVIDENCE) -> Normal | Gaussian:
        """Returns the distribution of samples around the mean of their class.

        Args:
            shrinkage: String, how far the covariance is drawn towards a
                sphere: `"evidence"` or `"oas"`. Defaults to `"evidence"`.
        """
        return self.shrunk_normal(shrinkage)[0]

    def shrunk_normal(self, shrinkage: str) -> tuple[Normal | Gaussian, float]:
        """Returns `normal`, and the share of the sphere in its covariance.

        Args:
            shrinkage: See `normal`.
        """
        count, share = len(self), 1.0
        if is_few(count, self.means.shape[-1]):
            return self._shrunk_gaussian(shrinkage)
        covariance = self.scatter / count
        if self.within > 0:
            share = share_of(covariance, shrinkage, count, self.freedom)
        return Normal(shrunk(covariance, share, count)), share

    def _shrunk_gaussian(self, shrinkage):
        """Returns `shrunk_normal`, of few samples."""
        count, size = len(self), self.means.shape[-1]
        center = np.zeros(size)
        if self.within <= 0:
            return Gaussian.sphere(center), 1.0
        found, directions = self._spectrum_within()
        values = np.full(size, self.remainder)
        values[: len(found)] += found
        values /= count
        share = share_of_sphere(values, shrinkage, count, self.freedom)
        normal = Gaussian.of_spectrum(center, values, directions, share)
        return normal, share

    def _spectrum_within(self):
        return spectrum(self.scatter, rank=len(self))

    def extended(self, counts: np.ndarray, means: np.ndarray) -> Self:
        """Returns statistics with classes that vary as the others do.

        Args:
            counts: Ints of shape `(num_classes,)`, how many samples each
                class counts as; 0 for those that have samples.
            means: Array of shape `(num_classes, features)`.
        """
        size = max(len(counts), len(self.counts))
        wide, means = self._widened(size), padded(means, size)
        counts = padded(counts, size)
        growth = 1 + counts.sum() / len(self)
        scatter = self.SCATTER.scaled(wide.scatter, growth)
        added = counts[:, None] > 0
        return self._with(
            wide.counts + counts,
            np.where(added, means, wide.means),
            scatter,
            growth,
        )

    def fits(self, width: int) -> bool:
        """Returns whether the scatter is finite and of so many features."""
        return np.shape(self.scatter) == (width, width) and bool(
            np.isfinite(self.scatter).all()
        )

    @property
    def within(self) -> float:
        """Float. Sum of squared distances from the mean of the class."""
        return float(np.trace(self.scatter))

    @property
    def remainder(self) -> float:
        """Float. What `spectrum` leaves out of each eigenvalue."""
        return 0.0

    @property
    def scale(self) -> float:
        """Float. Root mean squared distance of a feature from its mean."""
        between = np.square(self.means - self.mean).mean(1) @ self.counts
        within = self.within / self.means.shape[-1]
        scale = np.sqrt((between + within) / len(self))
        return float(scale) if scale > 1e-12 else 1.0

    @property
    def freedom(self) -> int:
        """Int, 1 or more. The number of samples, less that of the means."""
        return max(len(self) - int(np.count_nonzero(self.counts)), 1)

    @property
    def nbytes(self) -> int:
        """Int. Size of the means and the scatter in bytes."""
        if not len(self):
            return 0
        return self.means.nbytes + self.scatter.nbytes

    def covers(self, classes: Iterable[int]) -> bool:
        """Returns whether each of these classes has samples."""
        return all(
            label < len(self.counts) and self.counts[label] > 0
            for label in classes
        )

    def draw(
        self, classes: Iterable[int], count: int, seed: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draws features from the normal distributions of some classes.

        Args:
            classes: Ints. Classes that it `covers`.
            count: Int. Number of samples of each class.
            seed: Int. Defaults to `0`.

        Returns:
            Features of shape `(len(classes) * count, features)` and labels
            of shape `(len(classes) * count,)`.
        """
        labels = np.repeat(np.asarray(classes, int), count)
        drawn = self.means[labels]
        if self.within > 0:
            drawn = drawn + self.normal().draw(len(labels), seed)
        return drawn.astype("float32"), labels


def described(
    statistics: FeatureStatistics, kernel: np.ndarray, classes: Sequence[int]
) -> FeatureStatistics:
    """Returns statistics with the means of classes that only a head knows.

    A linear head points from the mean of all classes to that of each, in
    coordinates in which the covariance within classes is a sphere. So its
    columns tell the means of classes without samples, from those of others:

        mean[k] = mean of means + size * covariance @ (kernel[k] - mean column)

    The size is the one that fits the classes with samples best. A described
    class counts as one of these does on average, and has their scatter.

    Args:
        statistics: `FeatureStatistics` with samples of some classes of the
            head.
        kernel: Array of shape `(features, classes)`, the columns of the head.
        classes: Ints, the classes to describe, of `kernel`.
    """
    if not len(classes):
        return statistics
    counts = statistics.counts[: kernel.shape[-1]]
    known = np.flatnonzero(counts)
    anchor = statistics.means[known].mean(0)
    columns = kernel.astype("float64")
    columns = columns - columns[:, known].mean(-1, keepdims=True)
    steps = statistics.normal().times(columns).T
    size = _size(steps[known], statistics.means[known] - anchor)
    each = max(int(round(counts[known].mean())), 1)
    means = np.zeros((kernel.shape[-1], len(anchor)))
    means[classes] = anchor + size * steps[classes]
    added = np.zeros(kernel.shape[-1], int)
    added[classes] = each
    return statistics.extended(added, means)


def _size(steps, wanted):
    """Returns the factor of least squares, 1 where the steps say nothing."""
    square = np.sum(steps**2)
    size = np.sum(steps * wanted) / square if square > 0 else 1.0
    return size if size > 0 else 1.0
