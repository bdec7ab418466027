"""Softmax and log-sum-exp over some of the classes."""

from keras import ops

from keras_incremental.utils.types import Tensor

# Finite in float32, and its exponential is exactly 0.
EXCLUDED = -1e9


def mask_logits(logits: Tensor, mask: Tensor) -> Tensor:
    """Replaces the logits outside a mask by a large negative number.

    Args:
        logits: Tensor of shape `(..., num_classes)`.
        mask: Boolean tensor that broadcasts to the shape of `logits`. `True`
            keeps a logit.

    Returns:
        Tensor of the shape of `logits`. Excluded classes have the
        probability 0 and get no gradient.
    """
    return ops.where(mask, logits, EXCLUDED)


def masked_logsumexp(logits: Tensor, mask: Tensor) -> Tensor:
    """Computes `logsumexp` over the classes in a mask.

    Args:
        logits: Tensor of shape `(..., num_classes)`.
        mask: Boolean tensor that broadcasts to the shape of `logits`.

    Returns:
        Tensor of shape `(...)`; about -1e9 where the mask is empty.
    """
    return ops.logsumexp(mask_logits(logits, mask), axis=-1)
