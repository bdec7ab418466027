"""The strength of a ridge regression that has the largest evidence."""

from collections.abc import Callable

import numpy as np
from numpy.polynomial import chebyshev

from keras_incremental.statistics.evidence import log_evidence

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
        values: See `evidence.log_evidence`, as are all others.
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
