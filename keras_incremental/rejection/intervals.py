import numpy as np

# Bisections of the interval from 0 to 1, to the precision of a float.
HALVINGS = 60


def interval_of_exceedance(
    count: int, above: int, level: float = 0.95
) -> tuple[float, float]:
    """Computes an interval for the probability to exceed an order statistic.

    The threshold is one of `count` independent samples, and `above` of them
    are larger. The probability that a new sample is larger then has a beta
    distribution, for any distribution of the samples. Its quantiles are found
    by bisection of the corresponding binomial distribution.

    Reference:
    - [Vovk, 2012](https://arxiv.org/abs/1209.2673)

    Args:
        count: Int. Number of samples.
        above: Int below `count`. Number of samples above the threshold.
        level: Float from 0 to 1. Confidence level. Defaults to `0.95`.

    Returns:
        Two floats, the limits of the interval.
    """
    tail = (1 - level) / 2
    return (
        _chance(count, above, 1 - tail),
        _chance(count, above, tail),
    )


def _chance(count, above, probability):
    """Inverts `_at_most` by bisection."""
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _at_most(count, above, middle) > probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _at_most(count, above, chance):
    """Computes the binomial probability of at most `above` events."""
    happened = np.arange(above + 1)
    ways = np.log(count + 1 - happened[1:]) - np.log(happened[1:])
    terms = np.cumsum(np.concatenate([[0.0], ways]))
    terms = terms + happened * np.log(chance)
    terms = terms + (count - happened) * np.log1p(-chance)
    return np.exp(terms).sum()
