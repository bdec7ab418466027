"""Penalties of a ridge regression, and how probable data make them."""

import dataclasses
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


@dataclasses.dataclass(frozen=True)
class Penalty:
    """The strength of a ridge regression, and how it falls with eigenvalues.

    Along an eigenvector of the Gram matrix with the eigenvalue e the variance
    of the weights is expected to be the share

        p = (e + ridge * cosine) / (ridge + cosine * e)

    of that of the noise, divided by `ridge`. With the cosine 1 it is the same
    along all, which is ridge regression. With a smaller one, what varies much
    is expected to tell more, as features of a pretrained network often do.
    The inverse of the penalized matrix is then

        p / (e * p + ridge) = Re(1 / (e + shift))

    so a solution needs no eigenvectors: it is the real part of a ridge
    regression with the ridge `shift`.

    Attributes:
        ridge: Float above 0, or an array of such floats.
        cosine: Float from 0 to 1. Defaults to `1.0`.
    """

    ridge: float | np.ndarray
    cosine: float = 1.0

    @property
    def shift(self) -> complex | float | np.ndarray:
        """Complex number, or a float where the cosine is 1."""
        if self.cosine == 1:
            return self.ridge
        return self.ridge * complex(self.cosine, np.sqrt(1 - self.cosine**2))

    def share(self, values: np.ndarray) -> np.ndarray:
        """Returns the expected share `p` along eigenvectors.

        Args:
            values: Array of eigenvalues, 0 or more.
        """
        ridge, cosine = self.ridge, self.cosine
        return (values + ridge * cosine) / (ridge + cosine * values)

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """Returns the eigenvalues of the inverse of the penalized matrix."""
        share = self.share(values)
        return share / (values * share + self.ridge)


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
