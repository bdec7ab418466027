import numpy as np

# Part of the covariance that is replaced by a sphere of the same size, so
# that it is positive definite with fewer pictures than features.
SHRINKAGE = 0.1


class FeatureStatistics:
    """Mean of each class and covariance within classes, of all pictures.

    This is all that is kept of pictures that are not exemplars: while the
    features do not change, it stands for them. Immutable; `updated` is exact
    whatever the order and the chunks.

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

    def __init__(self, counts=(), means=None, scatter=None):
        self.counts = np.asarray(counts, int)
        self.means = means
        self.scatter = scatter

    def __len__(self):
        return int(self.counts.sum())

    def updated(self, features, labels):
        """The statistics with more pictures.

        Args:
            features: Array of shape `(num_samples, ..., features)`; all
                positions of a map count.
            labels: Ints of shape `(num_samples,)`.

        Returns:
            A new `FeatureStatistics`.
        """
        features = np.asarray(features, "float64")
        positions = int(np.prod(features.shape[1:-1], initial=1))
        rows = features.reshape(-1, features.shape[-1])
        labels = np.repeat(labels, positions)
        counts, means, scatter = self._grown(labels.max() + 1, rows.shape[-1])
        for label in np.unique(labels):
            new = rows[labels == label]
            mean = new.mean(0)
            step = mean - means[label]
            total = counts[label] + len(new)
            weight = counts[label] * len(new) / total
            centred = new - mean
            scatter += centred.T @ centred + weight * np.outer(step, step)
            means[label] += step * len(new) / total
            counts[label] = total
        return FeatureStatistics(counts, means, scatter)

    @property
    def mean(self):
        """Mean over all pictures, shape `(features,)`."""
        return self.counts @ self.means / len(self)

    @property
    def scale(self):
        """Float. Root mean squared distance of a feature to its mean."""
        between = np.square(self.means - self.mean).mean(1) @ self.counts
        within = np.trace(self.scatter) / self.scatter.shape[0]
        scale = np.sqrt((between + within) / len(self))
        return float(scale) if scale > 1e-12 else 1.0

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

    def _grown(self, num_classes, size):
        num_classes = max(num_classes, len(self.counts))
        counts = np.zeros(num_classes, int)
        means = np.zeros((num_classes, size))
        scatter = np.zeros((size, size))
        if len(self):
            counts[: len(self.counts)] = self.counts
            means[: len(self.counts)] = self.means
            scatter += self.scatter
        return counts, means, scatter
