"""Statistics of classes of which nothing was kept but the head."""

from collections.abc import Sequence

import numpy as np

from keras_incremental.statistics.feature_statistics import FeatureStatistics


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
