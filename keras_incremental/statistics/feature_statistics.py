from collections.abc import Iterable

import numpy as np

from keras_incremental.statistics.class_means import ClassMeans
from keras_incremental.statistics.scatter import SharedScatter
from keras_incremental.statistics.shrinkage import EVIDENCE
from keras_incremental.statistics.shrinkage import shrunk


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

    SCATTER = SharedScatter

    def scatter_around(self, point: np.ndarray) -> np.ndarray:
        """Returns the sum of outer products of the distances from a point."""
        steps = self.means - point
        return self.scatter + self.SCATTER.between(self.counts, steps)

    @property
    def scale(self) -> float:
        """Float. Root mean squared distance of a feature from its mean."""
        between = np.square(self.means - self.mean).mean(1) @ self.counts
        within = np.trace(self.scatter) / self.scatter.shape[0]
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
        size = self.scatter.shape[0]
        covariance = np.zeros((size, size))
        if np.trace(self.scatter) > 0:
            covariance = shrunk(
                self.scatter / len(self), EVIDENCE, len(self), self.freedom
            )
        covariance[np.diag_indices(size)] += 1e-12
        factor = np.linalg.cholesky(covariance)
        labels = np.repeat(np.asarray(classes, int), count)
        noise = np.random.default_rng(seed).standard_normal((len(labels), size))
        drawn = self.means[labels] + noise @ factor.T
        return drawn.astype("float32"), labels
