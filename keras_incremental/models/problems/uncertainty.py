"""The entropy of predictions, and thresholds on it."""

import numbers

import numpy as np

from keras_incremental.utils.probabilities import entropy_thresholds

# Below this a prediction is certain, whatever the median of its class is.
CERTAIN = 0.05


def limits(entropy, predicted, names, threshold=None):
    """Returns the entropy below which each prediction is taken as certain.

    Reference:
    - [Douillard et al., 2021](https://arxiv.org/abs/2011.11390), medians

    Args:
        entropy: Floats of any shape, from 0 to 1.
        predicted: Ints of the same shape, the predicted classes.
        names: Names of all classes.
        threshold: Float, or dict of names and floats; `None`, or a class
            that is not in the dict, takes the median of its predictions, and
            never less than 0.05.

    Returns:
        Floats of the same shape.
    """
    given = _by_class(threshold, names)
    medians = entropy_thresholds(entropy, predicted, len(names), CERTAIN)
    limits = [
        median if given.get(name) is None else given[name]
        for name, median in zip(names, medians, strict=True)
    ]
    return np.array(limits)[predicted]


def check_threshold(threshold, names, argument="threshold"):
    """Raises unless thresholds are numbers from 0 to 1 of known classes."""
    given = _by_class(threshold, names)
    unknown = [name for name in given if name not in names]
    if unknown:
        raise ValueError(
            f"`{argument}` names classes {unknown}, which are not known. "
            f"Known classes: {list(names)}. Correct the spelling."
        )
    odd = {n: v for n, v in given.items() if not _is_share(v)}
    if odd:
        raise ValueError(
            f"`{argument}` must be a number from 0 to 1, or a dict of class "
            f"names and such numbers. Received: {argument}={threshold!r}."
        )


def _by_class(threshold, names):
    if threshold is None:
        return {}
    if isinstance(threshold, dict):
        return threshold
    return dict.fromkeys(names, threshold)


def _is_share(value):
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return number and 0 <= value <= 1
