from keras import ops


def logits_at(labels, logits):
    """Maps of logits in the size of maps of labels.

    Logits are interpolated linearly; labels cannot be, as the mean of two
    classes is a third one. Anything but maps of another size is returned as
    it is.

    Args:
        labels: Ints `(batch_size, height, width)`, or with a last dimension
            of 1.
        logits: Tensor `(batch_size, rows, columns, num_classes)`.

    Returns:
        Tensor of float32 `(batch_size, height, width, num_classes)`, or
        `logits`.

    Example:

    >>> import numpy as np
    >>> labels, logits = np.zeros((1, 8, 6)), np.zeros((1, 2, 3, 5))
    >>> tuple(logits_at(labels, logits).shape)
    (1, 8, 6, 5)
    """
    labels = ops.convert_to_tensor(labels)
    if not _are_maps(labels.shape, logits.shape):
        return logits
    size = tuple(ops.shape(labels)[1:3])
    if size == tuple(logits.shape[1:3]):
        return logits
    return ops.image.resize(
        ops.cast(logits, "float32"),
        size,
        interpolation="bilinear",
        data_format="channels_last",
    )


def _are_maps(labels, logits):
    """Whether these shapes are those of maps, one label for each place."""
    if len(logits) != 4 or len(labels) not in (3, 4):
        return False
    return len(labels) == 3 or labels[-1] == 1
