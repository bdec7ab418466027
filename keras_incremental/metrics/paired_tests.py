"""Tests of two models on the same samples.

Only samples that one model gets right and the other wrong tell them apart:
those that are lost from the first to the second, and those that are gained.
"""

import math
from statistics import NormalDist

# Of a search between -1 and 1, to the precision of a float.
HALVINGS = 60


def mcnemar_p_value(lost: int, gained: int) -> float:
    """Returns the p-value of McNemar's exact test.

    It is the probability that samples flip so unevenly, or more so, if both
    models are equally often right: twice the tail of a binomial distribution
    of `lost + gained` fair coins, 1 at most.

    Args:
        lost: Int. Samples that went from right to wrong.
        gained: Int. Samples that went from wrong to right.

    Example:

    >>> mcnemar_p_value(lost=5, gained=0)
    0.0625
    """
    flips, fewer = lost + gained, min(lost, gained)
    tail = sum(math.comb(flips, k) for k in range(fewer + 1))
    # Both are integers, so that no number of samples is too large.
    return min(1.0, 2 * tail / 2**flips)


def drop_interval(
    lost: float, gained: float, count: float, level: float = 0.95
) -> tuple[float, float]:
    """Returns an interval for the drop in accuracy between two models.

    It holds the drops that the score test does not reject. With few samples,
    and where no prediction changed, it is right where the interval of a
    normal distribution is not.

    Reference:
    - [Tango, 1998](https://pubmed.ncbi.nlm.nih.gov/9595618/)

    Args:
        lost: Int. Samples that went from right to wrong.
        gained: Int. Samples that went from wrong to right.
        count: Int, 1 or more. Samples in all.
        level: Float between 0 and 1. Confidence level. Defaults to `0.95`.

    Returns:
        Two floats, the limits of the accuracy before minus that after.

    Example:

    >>> low, high = drop_interval(lost=0, gained=0, count=100)
    >>> round(low, 3), round(high, 3)
    (-0.037, 0.037)
    """
    wanted = quantile(level)
    drop = (lost - gained) / count
    low = _crossing(lost, gained, count, wanted, -1.0, drop)
    high = _crossing(lost, gained, count, -wanted, drop, 1.0)
    return low, high


def samples_to_decide(
    lost: int,
    gained: int,
    count: int,
    limit: float,
    level: float = 0.95,
    power: float = 0.8,
) -> int | None:
    """Returns the number of samples needed to decide if a drop is too large.

    The statistic of the score test grows with the root of the number of
    samples, if they flip as often as they did.

    Args:
        lost: Int. Samples that went from right to wrong.
        gained: Int. Samples that went from wrong to right.
        count: Int, 1 or more. Samples in all.
        limit: Float, the drop to compare with.
        level: Float between 0 and 1. Confidence level. Defaults to `0.95`.
        power: Float between 0 and 1, the probability that they tell. A larger
            value needs more samples. Defaults to `0.8`.

    Returns:
        Int; or `None` where no number would: at the limit, or where there is
        nothing between the limit and what was measured.
    """
    distance = abs(_score(lost, gained, count, limit))
    if not distance or not math.isfinite(distance):
        return None
    wanted = quantile(level) + NormalDist().inv_cdf(power)
    return math.ceil(count * (wanted / distance) ** 2)


def quantile(level: float) -> float:
    """Returns how many standard errors an interval reaches to each side.

    Args:
        level: Float between 0 and 1.

    Raises:
        ValueError: if it is not.
    """
    if not 0 < level < 1:
        raise ValueError(
            "`level` must be between 0 and 1. Received: "
            f"level={level!r}. Pass, for example, 0.95."
        )
    return NormalDist().inv_cdf((1 + level) / 2)


def _score(lost, gained, count, drop):
    """Returns the statistic of the score test of a drop.

    The variance is that of the most likely rates that differ by `drop`.
    """
    # The rate of gains is the root of a * q**2 + b * q + c.
    a = 2 * count
    b = -lost - gained + (2 * count - lost + gained) * drop
    c = -gained * drop * (1 - drop)
    rate = (math.sqrt(max(b * b - 4 * a * c, 0)) - b) / (2 * a)
    variance = count * max(2 * rate + drop * (1 - drop), 0)
    difference = lost - gained - count * drop
    if variance:
        return difference / math.sqrt(variance)
    return math.copysign(math.inf, difference) if difference else 0.0


def _crossing(lost, gained, count, wanted, low, high):
    """Returns where the score, which falls, has a value."""
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _score(lost, gained, count, middle) > wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2
