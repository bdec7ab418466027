"""Predictions among some of the classes."""

import numpy as np

from keras_incremental.data import check_class_names

# The logit of a hidden class, and the same where numbers are small.
HIDDEN, HIDDEN_HALF = -1e9, -6e4
# Less probability than this for all that is shown has lost its digits.
LOST = 1e-30


def lowest(dtype):
    """The logit of a hidden class, among those of a dtype."""
    return HIDDEN_HALF if "float16" in str(dtype) else HIDDEN


def shown_columns(classes, known):
    """Which outputs belong to some classes: bools of shape `(len(known),)`.

    Args:
        classes: Names of the classes to choose among.
        known: Names of all classes.
    """
    names = check_class_names(classes)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(
            "`classes` must name classes that are known. Received: "
            f"{unknown}. Known classes: {list(known)}. Correct the spelling, "
            "or teach them by `learn`."
        )
    return np.isin(known, names)


def hidden_logits(logits, shown):
    """Logits that leave hidden classes no chance."""
    least = np.asarray(lowest(logits.dtype), logits.dtype)
    return np.where(shown, logits, least)


def hidden_probabilities(probabilities, shown):
    """Probabilities of 0 for hidden classes, the rest summing to 1.

    Returns:
        The array, and bools of shape `(...)`: where so little was left that
        it must be computed from logits.
    """
    kept = np.where(shown, probabilities, 0)
    total = kept.sum(-1, keepdims=True)
    lost = total[..., 0] < LOST
    return kept / np.maximum(total, LOST), lost
