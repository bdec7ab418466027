"""The penalty of a ridge regression that has the largest evidence."""

import functools
from collections.abc import Callable

import numpy as np
from numpy.polynomial import chebyshev

from keras_incremental.statistics.gram import Gram
from keras_incremental.statistics.penalty import COSINES
from keras_incremental.statistics.penalty import Penalty

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


def best_penalty(gram: Gram) -> Penalty:
    """Returns the penalty with the largest evidence.

    Among penalties that the data cannot tell apart it has the largest cosine,
    and the largest strength: one sample of each class says nothing about the
    noise.

    Args:
        gram: `SpectralGram` or `CorrectedGram`.
    """
    best, highest = Penalty(1.0), -np.inf
    mean, largest = gram.mean, gram.norm
    if largest <= 0:
        return best
    for cosine in COSINES:
        found = functools.partial(gram.log_evidence, cosine=cosine)
        # With the cosine 0, what is left falls with the square of the ridge.
        least = LEAST if cosine else np.sqrt(LEAST)
        ridge = most_probable(found, mean, largest, least)
        height = float(found(np.array([ridge]))[0])
        if height > highest + TIE:
            best, highest = Penalty(ridge, cosine), height
    return best


def most_probable(
    evidence: Callable[[np.ndarray], np.ndarray],
    mean: float,
    largest: float,
    least: float = LEAST,
) -> float:
    """Returns the strength with the largest evidence, of any matrix.

    Each strength costs some work, so there are few. Log evidence is analytic
    in the logarithm of the strength, up to pi beside the real line (half of
    it with the cosine 0): so a polynomial through few points near the best
    one is exact.

    Args:
        evidence: Function from strengths to their log evidence.
        mean: Float above 0, the mean eigenvalue of the Gram matrix.
        largest: Float, the largest one, or the norm of all.
        least: Float above 0. No strength is a smaller share of `mean`.
            Defaults to `LEAST`.
    """
    low, high = np.log(least * mean), np.log(MOST * largest)
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
