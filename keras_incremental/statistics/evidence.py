"""The log evidence of a ridge regression, from sums alone."""

import numpy as np

from keras_incremental.statistics.penalty import Penalty


def log_evidence(
    values: np.ndarray,
    squares: np.ndarray,
    energy: float,
    freedom: int,
    targets: int,
    ridges: np.ndarray,
    cosine: float = 1.0,
) -> np.ndarray:
    """Returns the log evidence of a ridge regression for several strengths.

    It is the logarithm of the probability of the targets, with the weights
    integrated out and the variance of the noise at its best, up to what all
    strengths share:

        s = energy - sum(squares * share / (values * share + ridge))
        -targets / 2 * (freedom * log(s)
                        + sum(log(1 + values * share / ridge)))

    where the share is that of `Penalty`, 1 for a cosine of 1.

    Reference:
    - [MacKay, 1992](https://doi.org/10.1162/neco.1992.4.3.415); Bishop, 2006,
      Pattern Recognition and Machine Learning, section 3.5

    Args:
        values: Array of shape `(features,)`, 0 or more: the eigenvalues of
            the Gram matrix of the features.
        squares: Array of shape `(features,)`: of the sums of features times
            targets, seen along each eigenvector, the squared length.
        energy: Float. Sum of the squared targets.
        freedom: Int. The number of samples, less 1 where means are taken off.
        targets: Int. The number of targets of each sample.
        ridges: Array of shape `(strengths,)`, above 0.
        cosine: Float from 0 to 1, see `Penalty`. Defaults to `1.0`.

    Returns:
        Array of shape `(strengths,)`.
    """
    found = values > 0
    values, squares = values[found], squares[found]
    ridges = np.asarray(ridges, "float64")[:, None]
    # The difference of `energy` and what is fitted would cancel.
    unexplained = max(energy - np.sum(squares / values), 0.0)
    known = values * Penalty(ridges, cosine).share(values) / ridges
    shrunk = np.sum(squares / values / (1 + known), axis=1)
    volume = np.sum(np.log1p(known), axis=1)
    return log_probability(unexplained + shrunk, volume, freedom, targets)


def log_probability(
    left: np.ndarray, volume: np.ndarray, freedom: int, targets: int
) -> np.ndarray:
    """Returns the log evidence of what is left of the targets.

    Args:
        left: Array of shape `(strengths,)`, `s` of `log_evidence`.
        volume: Array of shape `(strengths,)`, its last sum.
        freedom: Int. See `log_evidence`.
        targets: Int. See `log_evidence`.
    """
    left = np.log(np.maximum(left, np.finfo("float64").tiny))
    return -targets / 2 * (freedom * left + volume)
