import numpy as np

from keras_incremental.utils.class_means import ClassMeans

# Part of the covariance that is replaced by a sphere of the same size, so
# that it is positive definite with fewer pictures than features.
SHRINKAGE = 0.1


class FeatureStatistics(ClassMeans):
    """Mean of each class and covariance within classes, of all pictures.

    This is all that is kept of pictures that are not exemplars: while the
    features do not change, it stands for them. Made and joined as
    `ClassMeans` are.

    Reference:
    - [Hayes & Kanan, 2020](https://arxiv.org/abs/1909.01520), the shared
      covariance; [Zhang et al., 2023](https://arxiv.org/abs/2303.05118),
      drawing features of old classes

    Attributes:
        counts: Ints of shape `(num_classes,)`, 0 for a class never seen.
        means: Array of shape `(num_classes, features)`.
        scatter: Array of shape `(features, features)`: sum over pictures of
            the outer product of the distance to the mean of its class.
    """

    scatter_ndim = 2

    @staticmethod
    def scatter_of(centered, labels):
        return centered.T @ centered

    @staticmethod
    def scatter_between(weights, steps):
        return (steps * weights[:, None]).T @ steps

    def scatter_around(self, point):
        """The sum of outer products of the distances to one point."""
        steps = self.means - point
        return self.scatter + self.scatter_between(self.counts, steps)

    @property
    def scale(self):
        """Float. Root mean squared distance of a feature to its mean."""
        between = np.square(self.means - self.mean).mean(1) @ self.counts
        within = np.trace(self.scatter) / self.scatter.shape[0]
        scale = np.sqrt((between + within) / len(self))
        return float(scale) if scale > 1e-12 else 1.0

    @property
    def nbytes(self):
        """Int. What the means and the scatter take, 0 where there are none."""
        if not len(self):
            return 0
        return self.means.nbytes + self.scatter.nbytes

    def covers(self, classes):
        """Whether there are pictures of each of these classes."""
        return all(
            label < len(self.counts) and self.counts[label] > 1
            for label in classes
        )

    def draw(self, classes, count, seed=0):
        """Features as those classes might have, from a normal distribution.

        Args:
            classes: Ints, classes that it `covers`.
            count: Int. How many of each.
            seed: Int. Defaults to `0`.

        Returns:
            Arrays of shapes `(len(classes) * count, features)` and
            `(len(classes) * count,)`: features and labels.
        """
        size = self.scatter.shape[0]
        covariance = self.scatter / len(self)
        sphere = np.trace(covariance) / size
        covariance = (1 - SHRINKAGE) * covariance
        covariance[np.diag_indices(size)] += SHRINKAGE * sphere + 1e-12
        factor = np.linalg.cholesky(covariance)
        labels = np.repeat(np.asarray(classes, int), count)
        noise = np.random.default_rng(seed).standard_normal((len(labels), size))
        drawn = self.means[labels] + noise @ factor.T
        return drawn.astype("float32"), labels
