"""The strength of a ridge regression by its evidence, from sums alone."""

from collections.abc import Callable

import numpy as np
from numpy.polynomial import chebyshev

# Weights in float32 then give scores as exact as those of float64.
LEAST = float(np.finfo("float32").eps)
# Beyond it the weights shrink, and no longer turn.
MOST = 1e3
# Strengths that are tried first, as many as there are steps of this size.
STEP = 2.0
# Then the evidence is a polynomial, through so many points, here and nearer.
POINTS, NARROW = 7, 0.15
NODES = chebyshev.chebpts1(POINTS)
TO_CURVE = np.linalg.inv(chebyshev.chebvander(NODES, POINTS - 1))
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
    volume = np.sum(np.log1p(values / ridges), axis=1)
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

    def evidence(ridges):
        return log_evidence(values, squares, energy, freedom, targets, ridges)

    return most_probable(evidence, float(values.mean()), largest)


def most_probable(
    evidence: Callable[[np.ndarray], np.ndarray], mean: float, largest: float
) -> float:
    """Returns the strength with the largest evidence, of any matrix.

    Each strength costs some work, so there are few. Log evidence is analytic
    in the logarithm of the strength, up to pi beside the real line: so a
    polynomial through few points near the best one is exact.

    Args:
        evidence: Function from strengths to their log evidence.
        mean: Float above 0, the mean eigenvalue of the Gram matrix.
        largest: Float, the largest one, or the norm of all.
    """
    low, high = np.log(LEAST * mean), np.log(MOST * largest)
    grid = np.linspace(high, low, int((high - low) / STEP) + 2)
    found = evidence(np.exp(grid))
    place = int(np.argmax(found >= found.max() - TIE))
    near = slice(max(place - 1, 0), place + 2)
    best = grid[place]
    if np.ptp(found[near]) > TIE:
        best = _peak(evidence, grid[near][-1], grid[near][0])
        low, high = max(best - NARROW, low), min(best + NARROW, high)
        best = _peak(evidence, low, high)
    return float(np.exp(best))


def _peak(evidence, low, high):
    """Returns where evidence is largest between two logarithms."""
    middle, half = (low + high) / 2, (high - low) / 2
    found = evidence(np.exp(middle + half * NODES))
    curve = TO_CURVE @ (found - found.max())
    flat = chebyshev.chebroots(chebyshev.chebder(curve))
    inside = (np.abs(flat.imag) < 1e-9) & (np.abs(flat.real) < 1)
    places = np.array([1.0, *flat.real[inside], -1.0])
    best = places[np.argmax(chebyshev.chebval(places, curve))]
    return middle + half * best
