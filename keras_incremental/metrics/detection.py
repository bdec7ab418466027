import numpy as np


def auroc(known, unknown) -> float:
    """How well scores tell unknown samples from known ones, at any threshold.

    The chance that an unknown sample has a larger score than a known one;
    half of it where they are the same. It does not depend on how many there
    are of each.

    Reference:
    - [Hendrycks & Gimpel, 2017](https://arxiv.org/abs/1610.02136)

    Args:
        known: Floats, scores of known samples; larger is stranger.
        unknown: Floats, scores of unknown samples.

    Returns:
        Float from 0 to 1; 0.5 says nothing. NaN where one of them is empty.

    Example:

    >>> from keras_incremental.metrics import auroc
    >>> auroc([1.0, 2.0, 3.0], [2.0, 4.0])
    0.75
    """
    known, unknown = np.sort(np.ravel(known)), np.ravel(unknown)
    if not len(known) or not len(unknown):
        return float("nan")
    below = np.searchsorted(known, unknown, "left")
    to_end = np.searchsorted(known, unknown, "right")
    return float((below + to_end).mean() / (2 * len(known)))


def detection_rate(known, unknown, false_alarm: float = 0.05) -> float:
    """Share of unknown samples found at a rate of false alarms.

    The threshold is the smallest known score that no larger share of known
    ones than `false_alarm` exceeds. Both kinds of samples are looked at
    here: to set a threshold for use, take `rejection.Rejector`.

    Args:
        known: Floats, scores of known samples; larger is stranger.
        unknown: Floats, scores of unknown samples.
        false_alarm: Float from 0 to 1. Defaults to `0.05`.

    Returns:
        Float from 0 to 1; NaN where one of them is empty.
    """
    known, unknown = np.sort(np.ravel(known)), np.ravel(unknown)
    if not len(known) or not len(unknown):
        return float("nan")
    above = int(np.floor(false_alarm * len(known) + 1e-9))
    if above >= len(known):
        return 1.0
    return float((unknown > known[len(known) - 1 - above]).mean())
