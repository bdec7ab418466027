import numpy as np

# Halvings of the interval from 0 to 1: more than a float can tell apart.
HALVINGS = 60


def interval_of_exceedance(count, above, level=0.95):
    """Where the chance lies that a new sample exceeds an order statistic.

    Of `count` independent samples `above` are larger than a threshold that
    is one of them. The chance that another one is larger has then a beta
    distribution, whatever the samples are distributed like. Its quantiles
    are found by halving, of the binomial distribution that it belongs to.

    Reference:
    - [Vovk, 2012](https://arxiv.org/abs/1209.2673)

    Args:
        count: Int. How many samples the threshold was chosen among.
        above: Int below `count`. How many of them are larger than it.
        level: Float from 0 to 1. Defaults to `0.95`.

    Returns:
        Two floats.
    """
    tail = (1 - level) / 2
    return (
        _chance(count, above, 1 - tail),
        _chance(count, above, tail),
    )


def _chance(count, above, probability):
    """The chance at which at most `above` of `count` has a probability."""
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _at_most(count, above, middle) > probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _at_most(count, above, chance):
    """Probability that at most `above` of `count` happen."""
    happened = np.arange(above + 1)
    ways = np.log(count + 1 - happened[1:]) - np.log(happened[1:])
    terms = np.cumsum(np.concatenate([[0.0], ways]))
    terms = terms + happened * np.log(chance)
    terms = terms + (count - happened) * np.log1p(-chance)
    return np.exp(terms).sum()
