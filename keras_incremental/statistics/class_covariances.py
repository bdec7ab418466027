import numpy as np

from keras_incremental.statistics.class_means import ClassMeans
from keras_incremental.statistics.class_means import padded
from keras_incremental.statistics.feature_statistics import FeatureStatistics


class ClassCovariances(ClassMeans):
    """Mean and covariance of the features of each class.

    Attributes:
        counts: Ints of shape `(num_classes,)`, 0 for an unseen class.
        means: Array of shape `(num_classes, features)`.
        scatter: Array of shape `(num_classes, features, features)`.
    """

    scatter_ndim = 3

    @staticmethod
    def scatter_of(centered: np.ndarray, labels: np.ndarray) -> np.ndarray:
        parts = [centered[labels == k] for k in range(labels.max() + 1)]
        return np.stack([part.T @ part for part in parts])

    @staticmethod
    def scatter_between(weights: np.ndarray, steps: np.ndarray) -> np.ndarray:
        scaled = steps * weights[:, None]
        return scaled[:, :, None] * steps[:, None, :]

    def scatter_padded(self, num_classes: int) -> np.ndarray:
        return padded(self.scatter, num_classes)

    def scatter_only(self, classes: np.ndarray) -> np.ndarray:
        return self.scatter[classes]

    def scatter_without(self, gone: np.ndarray, share: float) -> np.ndarray:
        return np.where(gone[:, None, None], 0.0, self.scatter)

    def pooled(self) -> FeatureStatistics:
        """Returns the `FeatureStatistics` of the same samples."""
        return FeatureStatistics(self.counts, self.means, self.scatter.sum(0))

    def balanced(self) -> FeatureStatistics:
        """Returns `FeatureStatistics` in which each class has one sample.

        The means stay the same. The scatter is the mean over classes.
        """
        present = self.counts > 0
        weights = present / np.maximum(self.counts, 1)
        scatter = np.tensordot(weights, self.scatter, 1)
        return FeatureStatistics(present, self.means, scatter)
