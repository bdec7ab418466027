import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.statistics.feature_statistics import FeatureStatistics
from keras_incremental.statistics.left_out import WhitenedMeans
from keras_incremental.utils import long_progress
from keras_incremental.utils.probabilities import logsumexp

# Number of rows whose distances are computed at a time.
CHUNK = 4096


def energy(logits: ArrayLike, temperature: float = 1.0) -> np.ndarray:
    """Computes the free energy of logits.

    It is `-temperature * logsumexp(logits / temperature)`. Unlike a softmax,
    it depends on the size of the logits, not only on their differences.

    Reference:
    - [Liu et al., 2020](https://arxiv.org/abs/2010.03759)

    Args:
        logits: Array of shape `(..., num_classes)`, before any softmax.
        temperature: Float above 0. A larger value gives classes other than
            the best one more weight. Defaults to `1.0`.

    Returns:
        Array of shape `(...)`. A larger value means that a
        sample is more likely unknown.

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
    return -temperature * logsumexp(scaled)[..., 0]


def max_softmax(logits: ArrayLike) -> np.ndarray:
    """Computes one minus the largest probability, a common baseline.

    It is often small for samples unlike all training data. Use it for
    comparisons.

    Reference:
    - [Hendrycks & Gimpel, 2017](https://arxiv.org/abs/1610.02136)

    Args:
        logits: Array of shape `(..., num_classes)`.

    Returns:
        Array of shape `(...)`, from 0 to 1. A larger value means that a
        sample is more likely unknown.
    """
    logits = np.asarray(logits, "float64")
    others = np.sort(logits - logits.max(-1, keepdims=True), -1)[..., :-1]
    # One minus a probability would round to 0 for a confident prediction.
    return -np.expm1(-np.log1p(np.exp(others).sum(-1)))


def distance(features: ArrayLike, statistics: FeatureStatistics) -> np.ndarray:
    """Computes the Mahalanobis distance to the nearest class mean.

    Every class is a normal distribution around its mean. All classes share a
    covariance, shrunk toward a multiple of the identity by the oracle
    approximating shrinkage, so it can be inverted with few samples. Lee et
    al. use minus the square of this distance.

    It detects all samples that are far away. For samples similar to known
    classes `energy` is better, and for both `distance_and_energy`.

    Reference:
    - [Lee et al., 2018](https://arxiv.org/abs/1807.03888);
      [Chen et al., 2010](https://arxiv.org/abs/0907.4698), the shrinkage

    Args:
        features: Array of shape `(..., features)`, the inputs of the head.
        statistics: `FeatureStatistics` of the known classes, such as
            `IncrementalClassifier.statistics`.

    Returns:
        Array of shape `(...)`. A larger value means that a
        sample is more likely unknown.
    """
    return _parts(features, statistics)[0]


def discriminant(
    features: ArrayLike, statistics: FeatureStatistics
) -> np.ndarray:
    """Computes the energy of a linear discriminant analysis.

    It is minus the log of how much more likely a sample is around any class
    mean than around the center of all means, by the normal distributions of
    `distance`. It tells samples that are between known classes.

    Args:
        features: Array of shape `(..., features)`.
        statistics: `FeatureStatistics` of the known classes.

    Returns:
        Array of shape `(...)`. A larger value means that a sample is more
        likely unknown.
    """
    return _parts(features, statistics)[1]


def distance_and_discriminant(
    features: ArrayLike, statistics: FeatureStatistics, weight: float = 1.0
) -> np.ndarray:
    """Computes the sum of `distance` and a multiple of `discriminant`.

    Both follow from statistics alone, whatever the head is,
    so that their distribution over known samples can be estimated without
    held-out ones.

    Args:
        features: Array of shape `(..., features)`.
        statistics: `FeatureStatistics` of the known classes.
        weight: Float above 0, the factor of the discriminant. Defaults to
            `1.0`.

    Returns:
        Array of shape `(...)`. A larger value means that a sample is more
        likely unknown.
    """
    far, between = _parts(features, statistics)
    return far + weight * between


def distance_and_energy(
    logits: ArrayLike,
    features: ArrayLike,
    statistics: FeatureStatistics,
    weight: float = 1.0,
) -> np.ndarray:
    """Computes the sum of `distance` and a multiple of `energy`.

    Samples that are near to known classes are told by the head, those that
    are far from all by the distance. Where both vary alike over known
    samples, the sum tells either. `Rejector` has the weight that makes them
    vary alike.

    Args:
        logits: Array of shape `(..., num_classes)`, before any softmax.
        features: Array of shape `(..., features)`, the inputs of the head.
        statistics: `FeatureStatistics` of the known classes.
        weight: Float above 0, the factor of the energy. Defaults to `1.0`.

    Returns:
        Array of shape `(...)`. A larger value means that a sample is more
        likely unknown.
    """
    return distance(features, statistics) + weight * energy(logits)


def _parts(features, statistics):
    """Returns distances to the nearest mean, and discriminants."""
    features = np.asarray(features, "float64")
    rows = features.reshape(-1, features.shape[-1])
    means = WhitenedMeans.of(statistics)
    starts = range(0, len(rows), CHUNK)
    parts = [
        means.parts(rows[start : start + CHUNK])
        for start in long_progress.steps_of(
            starts, "measuring distances", len(starts)
        )
    ]
    parts = parts or [(np.zeros(0), np.zeros(0))]
    return tuple(
        np.concatenate(part).reshape(features.shape[:-1])
        for part in zip(*parts, strict=True)
    )


DISTANCE, ENERGY, MAX_SOFTMAX = "distance", "energy", "max_softmax"
BOTH = "distance_and_energy"
STATISTICAL, DISCRIMINANT = "distance_and_discriminant", "discriminant"
# Functions of logits, features, statistics and the weight of what is added.
SCORES = {
    BOTH: distance_and_energy,
    STATISTICAL: lambda logits, *others: distance_and_discriminant(*others),
    DISTANCE: lambda logits, features, statistics, weight: distance(
        features, statistics
    ),
    ENERGY: lambda logits, *others: energy(logits),
    DISCRIMINANT: lambda logits, features, statistics, weight: discriminant(
        features, statistics
    ),
    MAX_SOFTMAX: lambda logits, *others: max_softmax(logits),
}
# Scores that need no statistics.
OF_LOGITS = (ENERGY, MAX_SOFTMAX)
# Scores that need nothing else.
OF_STATISTICS = (STATISTICAL, DISTANCE, DISCRIMINANT)
