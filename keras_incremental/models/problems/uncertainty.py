"""How sure a prediction is, and which are sure enough."""

import numbers

import numpy as np

from keras_incremental.models.problems.hiding import softmax

# Below this a prediction is sure, however sure those beside it are.
SURE = 0.05


def normalized_entropy(logits):
    """Entropy of the softmax, from 0 (sure) to 1 (all classes alike)."""
    logits = np.asarray(logits, "float64")
    count = logits.shape[-1]
    if count == 1:
        return np.zeros(logits.shape[:-1])
    probabilities = softmax(logits)
    # 0 log 0 is 0.
    logarithms = np.log(np.where(probabilities > 0, probabilities, 1))
    return -(probabilities * logarithms).sum(-1) / np.log(count)


def limits(entropy, predicted, names, threshold=None):
    """The entropy below which each prediction is sure enough.

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
    result = np.empty(np.shape(predicted))
    for label in np.unique(predicted):
        rows = predicted == label
        limit = given.get(names[label])
        if limit is None:
            limit = max(np.median(entropy[rows]), SURE)
        result[rows] = limit
    return result


def check_threshold(threshold, names, argument="threshold"):
    """Refuses thresholds that are no share, or of classes not known."""
    given = _by_class(threshold, names)
    unknown = [name for name in given if name not in names]
    if unknown:
        raise ValueError(
            f"`{argument}` is of classes {unknown}, which are not known. "
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
