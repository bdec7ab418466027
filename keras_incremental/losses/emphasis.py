"""How much single labels and single samples count in a loss."""

import numpy as np
from keras import ops

# The power of 0 has no gradient that is finite.
_TINY = 1e-12


def effective_number_weights(counts, beta: float = 0.999) -> np.ndarray:
    """Weights of classes of which there are different numbers of samples.

    A further sample of a class that has many tells less that is new; of `n`
    samples, `(1 - beta**n) / (1 - beta)` count. The weight of a class is one
    over that, and all weights add up to the number of classes.

    Use one remedy for rare classes: these weights, a balanced sampler, or
    `LogitAdjustedCrossentropy`.

    Reference:
    - [Cui et al., 2019](https://arxiv.org/abs/1901.05555)

    Args:
        counts: Ints of 1 or more, one for each class: how many samples there
            are. For pixels, the number of pictures that show the class:
            pixels of one picture are not independent.
        beta: Float, 0 or more and below 1. At 0 all weights are 1; a larger
            value favors rare classes more, up to one over their counts.
            Defaults to `0.999`.

    Returns:
        Array `(num_classes,)` of floats.

    Raises:
        ValueError: if a class has no samples, or `beta` is out of range.

    Example:

    >>> effective_number_weights([500, 20, 20]).round(3)
    array([0.074, 1.463, 1.463])
    """
    counts = np.asarray(counts, "float64")
    if counts.ndim != 1 or not len(counts) or not np.all(counts >= 1):
        raise ValueError(
            "`counts` of effective_number_weights must be 1 or more, one for "
            f"each class. Received: counts={counts.tolist()}. Leave out "
            "classes that were not seen, or count them as 1."
        )
    if not 0 <= beta < 1:
        raise ValueError(
            "`beta` of effective_number_weights must be 0 or more and below "
            f"1. Received: beta={beta}."
        )
    if beta == 0:
        return np.ones(len(counts))
    weights = 1 / -np.expm1(counts * np.log(beta))
    return weights * len(counts) / weights.sum()


def focused(losses, focus):
    """Losses `-log(p)` times `(1 - p)**focus`.

    Args:
        losses: Tensor of values of 0 or more.
        focus: Float, 0 or more.

    Returns:
        Tensor of the same shape; `losses` itself at a focus of 0.
    """
    if not focus:
        return losses
    return losses * ops.maximum(-ops.expm1(-losses), _TINY) ** focus


def weighted(losses, labels, weights):
    """Losses times the weights of their labels.

    Args:
        losses: Tensor `(...)`.
        labels: Ints `(...)`.
        weights: Floats `(num_labels,)`, or `None`.

    Returns:
        Tensor `(...)`; `losses` itself without weights. Labels that have no
        weight count as they are.
    """
    if weights is None:
        return losses
    known = ops.logical_and(labels >= 0, labels < len(weights))
    weights = ops.convert_to_tensor(weights, losses.dtype)
    found = ops.take(weights, ops.where(known, labels, 0), axis=0)
    return losses * ops.where(known, found, 1.0)


def checked_focus(focus, owner):
    """The focus of a loss, refused if it is not a number of 0 or more."""
    if not 0 <= focus < float("inf"):
        raise ValueError(
            f"`focus` of {owner} must be a finite number of 0 or more. "
            f"Received: focus={focus}."
        )
    return float(focus)


def checked_weights(weights, num_labels, owner):
    """Weights of labels as a list of floats, or `None`."""
    if weights is None:
        return None
    found = np.asarray(weights, "float64")
    fits = found.ndim == 1 and num_labels in (None, len(found))
    if not fits or not np.all((found >= 0) & np.isfinite(found)):
        raise ValueError(
            f"`label_weights` of {owner} must be finite numbers of 0 or more, "
            f"one for each of {num_labels or 'the'} labels. Received: "
            f"label_weights={weights}."
        )
    return found.tolist()
