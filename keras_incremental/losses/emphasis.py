"""Weights of labels and of hard samples in a loss."""

from collections.abc import Sequence

import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from keras_incremental.utils.types import Tensor

# A power of 0 has no finite gradient.
_TINY = 1e-12


def effective_number_weights(
    counts: ArrayLike, beta: float = 0.999
) -> np.ndarray:
    """Computes class weights from the effective number of samples.

    The more samples a class has, the less a further sample adds. The
    effective number of `n` samples is `(1 - beta**n) / (1 - beta)`. The
    weight of a class is the inverse of its effective number, scaled so that
    all weights sum to the number of classes.

    Use a single remedy for rare classes: these weights, a balanced sampler,
    or `LogitAdjustedCrossentropy`.

    Reference:
    - [Cui et al., 2019](https://arxiv.org/abs/1901.05555)

    Args:
        counts: Ints of 1 or more. Number of samples of each class. For
            pixels, pass the number of images that show the class, because
            the pixels of one image are not independent.
        beta: Float in `[0, 1)`. With 0, all weights are 1. A larger value
            favors rare classes more; the limit is the inverse count.
            Defaults to `0.999`.

    Returns:
        Float array of shape `(num_classes,)`.

    Raises:
        ValueError: if a class has no samples, or `beta` is out of range.

    Example:

    >>> effective_number_weights([500, 20, 20]).round(3)
    array([0.074, 1.463, 1.463])
    """
    counts = np.asarray(counts, "float64")
    if counts.ndim != 1 or not len(counts) or not np.all(counts >= 1):
        raise ValueError(
            "`counts` of effective_number_weights must hold one number of 1 "
            f"or more for each class. Received: counts={counts.tolist()}. "
            "Drop unseen classes, or set their count to 1."
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


def focused(losses: Tensor, focus: float) -> Tensor:
    """Multiplies losses `-log(p)` by `(1 - p)**focus`.

    Args:
        losses: Tensor of values of 0 or more.
        focus: Float, 0 or more.

    Returns:
        Tensor of the same shape; `losses` itself if `focus` is 0.
    """
    if not focus:
        return losses
    return losses * ops.maximum(-ops.expm1(-losses), _TINY) ** focus


def weighted(
    losses: Tensor, labels: Tensor, weights: Sequence[float] | None
) -> Tensor:
    """Multiplies losses by the weights of their labels.

    Args:
        losses: Tensor of shape `(...)`.
        labels: Ints of shape `(...)`.
        weights: Floats of shape `(num_labels,)`, or `None`.

    Returns:
        Tensor of shape `(...)`; `losses` itself without weights. Labels
        without a weight get 1.
    """
    if weights is None:
        return losses
    known = ops.logical_and(labels >= 0, labels < len(weights))
    weights = ops.convert_to_tensor(weights, losses.dtype)
    found = ops.take(weights, ops.where(known, labels, 0), axis=0)
    return losses * ops.where(known, found, 1.0)


def checked_focus(focus: float, owner: str) -> float:
    """Returns `focus` as a float, or raises a `ValueError`."""
    if not 0 <= focus < float("inf"):
        raise ValueError(
            f"`focus` of {owner} must be a finite number of 0 or more. "
            f"Received: focus={focus}."
        )
    return float(focus)


def checked_weights(
    weights: Sequence[float] | None, num_labels: int | None, owner: str
) -> list[float] | None:
    """Returns label weights as a list of floats, or `None`."""
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
