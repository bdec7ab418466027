"""How far a covariance of few samples is drawn towards a sphere."""

import math

import numpy as np

EVIDENCE, OAS = "evidence", "oas"
# Logits of the shares that are compared, then finer ones around the best.
WIDEST, POINTS, ROUNDS = 12.0, 25, 3


def shrunk(
    covariance: np.ndarray,
    shrinkage: float | str,
    count: int,
    freedom: int | None = None,
) -> np.ndarray:
    """Returns a covariance of few samples, shrunk towards a sphere.

    Args:
        covariance: Array of shape `(features, features)`.
        shrinkage: Float from 0 to 1, the share of the sphere; `"evidence"`,
            see `best_shrinkage`, or `"oas"`, see `oas`.
        count: Int. The number of samples.
        freedom: Int. The number of samples, less that of the means that were
            taken off. Defaults to `None`, as many as samples.
    """
    size = len(covariance)
    sphere = np.trace(covariance) / size
    if sphere <= 0:
        # One sample of each class says nothing about their spread.
        return np.eye(size)
    share = (
        share_of(covariance, shrinkage, count, freedom or count)
        if isinstance(shrinkage, str)
        else float(shrinkage)
    )
    result = (1 - share) * covariance
    result.flat[:: size + 1] += share * sphere
    return result


def share_of(
    covariance: np.ndarray, shrinkage: str, count: int, freedom: int
) -> float:
    """Returns the share of the sphere that `shrunk` takes, of a covariance.

    Args:
        covariance: Array of shape `(features, features)`, not 0.
        shrinkage: See `shrunk`: `"evidence"` or `"oas"`.
        count: Int. The number of samples.
        freedom: Int. See `shrunk`.
    """
    if shrinkage == EVIDENCE:
        return best_shrinkage(covariance, freedom)
    return oas(covariance, count)


def oas(covariance: np.ndarray, count: int) -> float:
    """Returns the oracle approximating shrinkage of a covariance.

    Reference:
    - [Chen et al., 2010](https://arxiv.org/abs/0907.4698)

    Args:
        covariance: Array of shape `(features, features)`.
        count: Int. The number of samples.
    """
    size = len(covariance)
    squares, sphere = np.mean(covariance**2), np.trace(covariance) / size
    return _oas(size, squares, sphere, count)


def share_of_sphere(
    values: np.ndarray, shrinkage: str, count: int, freedom: int
) -> float:
    """Returns the share of the sphere that `shrunk` takes, of eigenvalues.

    Args:
        values: Array of shape `(features,)`, not all 0.
        shrinkage: See `shrunk`: `"evidence"` or `"oas"`.
        count: Int. The number of samples.
        freedom: Int. See `shrunk`.
    """
    if shrinkage == EVIDENCE:
        return most_probable_share(values, freedom)
    size = len(values)
    return _oas(size, np.sum(values**2) / size**2, values.mean(), count)


def _oas(size, squares, sphere, count):
    above = squares + sphere**2
    below = (count + 1) * (squares - sphere**2 / size)
    return 1.0 if below <= 0 else min(float(above / below), 1.0)


def best_shrinkage(covariance: np.ndarray, freedom: int) -> float:
    """Returns the share of a sphere with the largest evidence.

    The prior of the covariance is an inverse Wishart distribution around the
    sphere of the same mean variance. The evidence is the probability of the
    samples with the covariance integrated out. It reads eigenvalues alone,
    where the shrinkage of Ledoit and Wolf reads fourth moments too.

    Reference:
    - [Hannart and Naveau, 2014](https://doi.org/10.1016/j.jmva.2014.06.001)

    Args:
        covariance: Array of shape `(features, features)`, not 0.
        freedom: Int, 1 or more. The number of samples, less that of the means
            that were taken off.
    """
    return most_probable_share(np.linalg.eigvalsh(covariance), freedom)


def most_probable_share(values: np.ndarray, freedom: int) -> float:
    """Returns what `best_shrinkage` does, of the eigenvalues.

    Args:
        values: Array of shape `(features,)`, not all 0.
        freedom: Int. See `best_shrinkage`.
    """
    values = np.maximum(values, 0)
    low, high = -WIDEST, WIDEST
    best = high
    for _ in range(ROUNDS):
        grid = np.linspace(high, low, POINTS)
        shares = 1 / (1 + np.exp(-grid))
        best = grid[np.argmax(log_evidence(values, freedom, shares))]
        step = (high - low) / (POINTS - 1)
        low, high = max(best - step, low), min(best + step, high)
    return float(1 / (1 + np.exp(-best)))


def log_evidence(
    values: np.ndarray, freedom: int, shares: np.ndarray
) -> np.ndarray:
    """Returns the log evidence of several shrinkages of a covariance.

    With n the freedom, p features, e the eigenvalues, v their mean, a the
    share, k = a n / (1 - a) and u = k + p + 1, it is

        log G((u + n) / 2) - log G(u / 2) + p u / 2 log(k v)
        - (u + n) / 2 sum(log(k v + n e))

    up to what all shares have in common, where G is the gamma function of
    p dimensions.

    Args:
        values: Array of shape `(features,)`, the eigenvalues.
        freedom: Int. See `best_shrinkage`.
        shares: Array of shape `(shares,)`, above 0 and below 1.

    Returns:
        Array of shape `(shares,)`.
    """
    size, sphere = len(values), values.mean()
    prior = shares * freedom / (1 - shares)
    degrees = prior + size + 1
    both = degrees + freedom
    gamma = _log_gamma_ratio(degrees, freedom, size)
    around = size * degrees * np.log(prior * sphere)
    scatter = np.log((prior * sphere)[:, None] + freedom * values).sum(1)
    return gamma + (around - both * scatter) / 2


def _log_gamma_ratio(degrees, freedom, size):
    """Returns log G((u + n) / 2) - log G(u / 2), see `log_evidence`.

    Both are sums of `size` terms, which meet where samples are fewer.
    """
    steps = np.arange(min(freedom, size))
    above = degrees[:, None] + freedom - steps
    below = degrees[:, None] - size + 1 + steps
    log_gamma = np.vectorize(math.lgamma, otypes=[float])
    return (log_gamma(above / 2) - log_gamma(below / 2)).sum(1)
