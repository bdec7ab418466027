"""Scores of samples that are left out of statistics, without anew solving."""

import dataclasses

import numpy as np

from keras_incremental.statistics.feature_statistics import FeatureStatistics
from keras_incremental.statistics.gaussian import Gaussian
from keras_incremental.statistics.normal import Normal
from keras_incremental.statistics.shrinkage import OAS
from keras_incremental.utils.probabilities import logsumexp

ROUNDS = 100


@dataclasses.dataclass(frozen=True)
class WhitenedMeans:
    """The means of classes, where the covariance within them is a sphere.

    With `A = share * scatter + rest` the covariance, d the deviation of a
    sample from the mean of its class, c = n / (n - 1) for a class of n
    samples and q = d' inv(A) d, the sample that is left out is c d away from
    the mean of the others, and by the formula of Sherman and Morrison

        u' inv(A - share c d d') v
            = u' inv(A) v + share c (u' inv(A) d) (d' inv(A) v)
              / (1 - share c q)

    So its distances to all means follow from q and the products of d with
    the means. The shrinkage of the covariance stays as it is.

    Attributes:
        center: Array of shape `(features,)`, the mean of the means.
        means: Array of shape `(found, features)`, white, from the center.
        places: Ints of shape `(classes,)`, rows of the classes in `means`.
        normal: Distribution of the samples around the mean of their class.
        share: Float, the factor of the scatter in the covariance.
    """

    center: np.ndarray
    means: np.ndarray
    places: np.ndarray
    normal: Normal | Gaussian
    share: float

    @classmethod
    def of(cls, statistics: FeatureStatistics) -> "WhitenedMeans":
        """Returns the means of statistics, shrunk as `distance` does it."""
        seen = statistics.counts > 0
        means = statistics.means[seen]
        center = means.mean(0)
        normal, share = statistics.shrunk_normal(OAS)
        share = (1 - share) / len(statistics)
        white = normal.whitened(means - center)
        return cls(center, white, np.cumsum(seen) - 1, normal, share)

    def white(self, steps: np.ndarray) -> np.ndarray:
        """Returns deviations where the covariance is a sphere."""
        return self.normal.whitened(np.asarray(steps, "float64"))

    def parts(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns distances and discriminants of samples.

        Args:
            features: Array of shape `(samples, features)`.

        Returns:
            Distances to the nearest mean, and minus the log of how much more
            likely a sample is around any of the means than around the center
            of all, each of shape `(samples,)`.
        """
        rows = self.white(features - self.center)
        products = rows @ self.means.T
        sizes = np.square(self.means).sum(-1)
        squares = np.square(rows).sum(-1)[:, None] + sizes - 2 * products
        nearest = np.sqrt(np.maximum(squares.min(-1), 0))
        return nearest, -logsumexp(products - sizes / 2)[..., 0]

    def left_out_lengths(self, steps: np.ndarray, count: int) -> np.ndarray:
        """Returns squared distances of samples from the mean of the others.

        Args:
            steps: Array of shape `(samples, features)`, their deviations from
                the mean of their class.
            count: Int, 2 or more. The number of samples of the class.
        """
        lengths = np.square(self.white(steps)).sum(-1)
        factor, change = self._left_out(lengths, count)
        return factor**2 * (lengths + change * lengths**2)

    def lengths_within(
        self, quantiles: np.ndarray, level: float, count: int
    ) -> np.ndarray:
        """Returns squared distances that are left out at such quantiles.

        Args:
            quantiles: Array of shape `(levels,)`, of squared distances of
                samples that are left out, up to a factor.
            level: Float. The mean of the squared distances of samples that
                are not.
            count: Int, 2 or more.
        """
        factor = count / (count - 1)
        low, high = -40.0, 40.0
        for _ in range(ROUNDS):
            size = (low + high) / 2
            lengths = np.exp(size) * quantiles
            within = lengths / (factor**2 + self.share * factor * lengths)
            if within.mean() < level:
                low = size
            else:
                high = size
        return within

    def left_out(
        self, lengths: np.ndarray, products: np.ndarray, label: int, count: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the `parts` of samples that are left out in turn.

        Args:
            lengths: Array of shape `(samples,)`, squared lengths of their
                white deviations from the mean of their class.
            products: Array of shape `(samples, found)`, products of these
                with the white means.
            label: Int, their class.
            count: Int, 2 or more. The number of samples of the class.
        """
        own = self.places[label]
        factor, change = self._left_out(lengths, count)
        steps = self.means[own] - self.means
        along = products[:, [own]] - products
        between = np.square(steps).sum(-1)
        # From each mean; the own one moves, and so does the center.
        stretch = np.ones(len(self.means))
        stretch[own] = factor
        squares = _squares(lengths, along, between, stretch, change)
        stretch = np.array([1 + (factor - 1) / len(self.means)])
        center = _squares(
            lengths,
            products[:, [own]],
            np.square(self.means[[own]]).sum(-1),
            stretch,
            change,
        )
        ratio = logsumexp((center - squares) / 2)[..., 0]
        return np.sqrt(np.maximum(squares.min(-1), 0)), -ratio

    def _left_out(self, lengths, count):
        factor = count / (count - 1)
        part = self.share * factor
        return factor, part / np.maximum(1 - part * lengths, 1e-12)


def _squares(lengths, along, between, stretch, change):
    """Returns squared distances of left out samples from points.

    The vector from a point to a sample is `stretch` times its deviation, and
    a step of squared length `between` and product `along` with it.
    """
    product = stretch * lengths[:, None] + along
    square = stretch**2 * lengths[:, None] + 2 * stretch * along + between
    return square + change[:, None] * product**2
