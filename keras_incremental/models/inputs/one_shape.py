"""Samples that differ in shape, as a network reads them in one batch."""

import numpy as np

from keras_incremental.utils.varying import VaryingSamples
from keras_incremental.utils.varying import common_shape


def in_one_shape(backbone, *parts, augmentation=None):
    """Returns what a student reads, padded where it differs in shape.

    It is padded by the number that the network leaves out, so that nothing
    but the shape changes.

    Args:
        backbone: `Backbone`.
        *parts: Arrays or `VaryingSamples`, to be joined.
        augmentation: Function on batches of them, or `None`.

    Returns:
        Tuple of arrays of samples of one shape.

    Raises:
        ValueError: if they differ, and the network leaves out no number, or
            an augmentation might change it.
    """
    shape = common_shape(part.shape[1:] for part in parts)
    if None not in shape:
        return parts
    varying = [VaryingSamples.of(x, x.shape[1:], x.dtype) for x in parts]
    sizes = np.concatenate([part.shapes for part in varying])
    longest = tuple(sizes.max(0).tolist())
    if np.all(sizes == longest):
        return tuple(part.padded(None) for part in varying)
    check_one_shape(backbone, shape, augmentation=augmentation)
    value = backbone.masked_value
    return tuple(part.padded(value, longest) for part in varying)


def check_one_shape(backbone, *shapes, augmentation=None):
    """Raises if samples of some shapes cannot lie in one batch.

    Args:
        backbone: `Backbone`.
        *shapes: Shapes of samples, `None` where they differ.
        augmentation: Function on batches of them, or `None`.
    """
    shape = common_shape(shapes)
    if None not in shape:
        return
    if augmentation is not None:
        raise ValueError(
            "An augmentation would change what shorter samples are padded by. "
            f"Received: samples of shape {shape}, and a memory with "
            f"augmentation={augmentation!r}. Use a memory without it, or pad "
            "or resize all samples to one shape."
        )
    if backbone.masked_value is not None:
        return
    fix = (
        "Freeze all layers below the head"
        if backbone.is_trainable
        else "Let `learn` solve the head, without a recipe that trains it, "
        "`epochs` and `optimizer`"
    )
    raise ValueError(
        "Training reads batches of one shape. Received: samples of shape "
        f"{shape}, and layers that would see what shorter ones are padded by. "
        f"{fix}: features are then computed of each sample in its own shape. "
        "Or pad or resize all samples to one shape, those of the memory too. "
        "Or let the network begin with `Masking` or "
        "`Embedding(mask_zero=True)`, and only have layers that use the mask."
    )
