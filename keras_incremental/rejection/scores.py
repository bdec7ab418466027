import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.layers.streaming_lda import shrunk
from keras_incremental.statistics.feature_statistics import FeatureStatistics

# Rows whose distances are computed at a time.
CHUNK = 4096


def energy(logits: ArrayLike, temperature: float = 1.0) -> np.ndarray:
    """How little all classes together say: the free energy of logits.

    It is `-temperature * logsumexp(logits / temperature)`. Unlike a softmax
    it sees how large the logits are, not only how they differ.

    Reference:
    - [Liu et al., 2020](https://arxiv.org/abs/2010.03759)

    Args:
        logits: Array of shape `(..., num_classes)`, before any softmax.
        temperature: Float above 0. A larger value lets classes other than
            the best count for more. Defaults to `1.0`.

    Returns:
        Array of shape `(...)`. A larger value is a stranger sample.

    Example:

    >>> from keras_incremental.rejection import energy
    >>> energy([[9.0, 0.0], [0.0, 0.0]]).round(2).tolist()
    [-9.0, -0.69]
    """
    if not temperature > 0:
        raise ValueError(
            "`temperature` of `energy` must be above 0. Received: "
            f"temperature={temperature}."
        )
    scaled = np.asarray(logits, "float64") / temperature
    largest = scaled.max(-1)
    rest = np.exp(scaled - largest[..., None]).sum(-1)
    return -temperature * (largest + np.log(rest))


def max_softmax(logits: ArrayLike) -> np.ndarray:
    """One minus the largest probability: the baseline of the literature.

    It is known to be sure of samples that are like nothing it has seen. Use
    it to compare with.

    Reference:
    - [Hendrycks & Gimpel, 2017](https://arxiv.org/abs/1610.02136)

    Args:
        logits: Array of shape `(..., num_classes)`.

    Returns:
        Array of shape `(...)`, from 0 to 1. A larger value is a stranger
        sample.
    """
    logits = np.asarray(logits, "float64")
    others = np.sort(logits - logits.max(-1, keepdims=True), -1)[..., :-1]
    # One minus a probability would round to 0 where the model is sure.
    return -np.expm1(-np.log1p(np.exp(others).sum(-1)))


def distance(features: ArrayLike, statistics: FeatureStatistics) -> np.ndarray:
    """Mahalanobis distance of features to the nearest class mean.

    Every class is a normal distribution around its mean. The covariance is
    that within classes, shrunk toward a sphere by the oracle approximating
    shrinkage, so that it can be inverted with few samples. This is the
    distance, of which Lee et al. take minus the square.

    It never misses what is far away; what is like the known classes in most
    ways is found better by `relative_distance` or `energy`.

    Reference:
    - [Lee et al., 2018](https://arxiv.org/abs/1807.03888);
      [Chen et al., 2010](https://arxiv.org/abs/0907.4698), the shrinkage

    Args:
        features: Array of shape `(..., features)`: what the head reads.
        statistics: `FeatureStatistics` of what is known, such as those that
            `IncrementalClassifier.statistics` keeps.

    Returns:
        Array of shape `(...)`. A larger value is a stranger sample.
    """
    return np.sqrt(_nearest(features, statistics))


def relative_distance(
    features: ArrayLike, statistics: FeatureStatistics
) -> np.ndarray:
    """How much worse the nearest class fits than all classes as one do.

    The squared Mahalanobis distance to the nearest class mean, minus that to
    the mean of all under the covariance of all: the directions in which all
    samples differ alike, known or not, no longer count. It finds more than
    `distance` of what is like the known classes, and misses what is far away
    in a direction in which the known classes do not differ.

    Reference:
    - [Ren et al., 2021](https://arxiv.org/abs/2106.09022)

    Args:
        features: Array of shape `(..., features)`: what the head reads.
        statistics: `FeatureStatistics` of what is known.

    Returns:
        Array of shape `(...)`, below 0 too. A larger value is a stranger
        sample.
    """
    scatter = statistics.scatter_around(statistics.mean)
    whole = FeatureStatistics([len(statistics)], statistics.mean[None], scatter)
    return _nearest(features, statistics) - _nearest(features, whole)


def _nearest(features, statistics):
    """Squared Mahalanobis distances to the nearest mean, shape `(...)`."""
    features = np.asarray(features, "float64")
    rows = features.reshape(-1, features.shape[-1])
    whiten = _whitening(statistics)
    means = whiten(statistics.means[statistics.counts > 0])
    squares = [
        _squares(whiten(rows[start : start + CHUNK]), means).min(-1)
        for start in range(0, len(rows), CHUNK)
    ]
    squares = np.concatenate(squares) if squares else np.zeros(0)
    return squares.reshape(features.shape[:-1])


def _whitening(statistics):
    """A function to coordinates in which every class is a unit sphere."""
    count, center = len(statistics), statistics.mean
    covariance = shrunk(statistics.scatter / count, "oas", count)
    factor = np.linalg.inv(np.linalg.cholesky(covariance)).T

    def whiten(features):
        # Around the mean, so that squares of large numbers do not cancel.
        return (np.asarray(features, "float64") - center) @ factor

    return whiten


def _squares(rows, means):
    """Squared distances of shape `(num_rows, num_means)`."""
    lengths = np.square(rows).sum(-1)[:, None] + np.square(means).sum(-1)
    return np.maximum(lengths - 2 * rows @ means.T, 0)


def _of_features(score):
    return lambda logits, features, statistics: score(features, statistics)


def _of_logits(score):
    return lambda logits, features, statistics: score(logits)


# Functions of logits, features and their statistics, by name.
SCORES = {
    "distance": _of_features(distance),
    "relative_distance": _of_features(relative_distance),
    "energy": _of_logits(energy),
    "max_softmax": _of_logits(max_softmax),
}
# Those that need no statistics.
OF_LOGITS = ("energy", "max_softmax")
