"""The strength of a ridge regression by its evidence, from sums alone."""

import numpy as np

# Weights in float32 then give scores as exact as those of float64.
LEAST = float(np.finfo("float32").eps)
# Beyond it the weights shrink, and no longer turn.
MOST = 1e3
POINTS, ROUNDS = 64, 4
# Differences of log evidence below it are rounding.
TIE = 1e-6


def log_evidence(
    values: np.ndarray,
    squares: np.ndarray,
    energy: float,
    freedom: int,
    targets: int,
    ridges: np.ndarray,
) -> np.ndarray:
    """Returns the log evidence of a ridge regression for several strengths.

    It is the logarithm of the probability of the targets, with the weights
    integrated out and the variance of the noise at its best, up to what all
    strengths share:

        s = energy - sum(squares / (values + ridge))
        -targets / 2 * (freedom * log(s)
                        + sum(log(1 + values / ridge)))

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

    Returns:
        Array of shape `(strengths,)`.
    """
    found = values > 0
    values, squares = values[found], squares[found]
    ridges = np.asarray(ridges, "float64")[:, None]
    # The difference of `energy` and what is fitted would cancel.
    unexplained = max(energy - np.sum(squares / values), 0.0)
    shrunk = np.sum(squares / values * ridges / (values + ridges), axis=1)
    left = np.maximum(unexplained + shrunk, np.finfo("float64").tiny)
    volume = np.sum(np.log1p(values / ridges), axis=1)
    return -targets / 2 * (freedom * np.log(left) + volume)


def best_ridge(
    values: np.ndarray,
    squares: np.ndarray,
    energy: float,
    freedom: int,
    targets: int,
) -> float:
    """Returns the strength with the largest evidence.

    Among strengths that the data cannot tell apart it is the largest: one
    sample of each class says nothing about the noise.

    Args:
        values: See `log_evidence`, as are all others.
        squares: Array of shape `(features,)`.
        energy: Float.
        freedom: Int.
        targets: Int.
    """
    largest = float(values.max(initial=0.0))
    if largest <= 0:
        return 1.0
    low, high = np.log(LEAST * values.mean()), np.log(MOST * largest)
    best = high
    for _ in range(ROUNDS):
        grid = np.linspace(high, low, POINTS)
        found = log_evidence(
            values, squares, energy, freedom, targets, np.exp(grid)
        )
        best = grid[np.argmax(found >= found.max() - TIE)]
        step = (high - low) / (POINTS - 1)
        low, high = max(best - step, low), min(best + step, high)
    return float(np.exp(best))
