import numpy as np

from keras_incremental.statistics.class_means import ClassMeans
from keras_incremental.statistics.class_means import ClassScatter
from keras_incremental.statistics.feature_statistics import FeatureStatistics


class ClassCovariances(ClassMeans):
    """Mean and covariance of the features of each class.

    Attributes:
        counts: Ints of shape `(num_classes,)`, 0 for an unseen class.
        means: Array of shape `(num_classes, features)`.
        scatter: Array of shape `(num_classes, features, features)`.
    """

    SCATTER = ClassScatter

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
