"""Shapes of labels, sample weights and logits."""

from keras import ops

from keras_incremental.utils.types import Tensor


def squeeze_labels(labels: Tensor, logits: Tensor) -> Tensor:
    """Removes the last dimension of labels if its size is 1.

    Args:
        labels: Ints of shape `(batch_size, ...)` or `(batch_size, ..., 1)`.
        logits: Tensor of shape `(batch_size, ..., num_classes)`.

    Returns:
        Tensor of shape `(batch_size, ...)`.

    Raises:
        ValueError: if there is not one label for each position of `logits`.
    """
    if len(labels.shape) == len(logits.shape) and labels.shape[-1] == 1:
        labels = ops.squeeze(labels, -1)
    if len(labels.shape) != len(logits.shape) - 1:
        raise ValueError(
            "`y_true` must hold one integer label for each position of "
            f"`y_pred`. Received: y_true.shape={tuple(labels.shape)}, "
            f"y_pred.shape={tuple(logits.shape)}. Pass labels of shape "
            "(batch_size, ...) or (batch_size, ..., 1), and decode one-hot "
            "labels with `argmax`."
        )
    return labels


def broadcast_weights(sample_weight: Tensor | None, y_pred: Tensor):
    """Expands sample weights to the rank of the losses.

    Keras would multiply weights of shape `(batch_size,)` with losses of
    shape `(batch_size, height, width)` along the width.

    Args:
        sample_weight: Tensor of shape `(batch_size,)` or `(batch_size,
            ...)`, or `None`.
        y_pred: Tensor of shape `(batch_size, ..., num_classes)`.

    Returns:
        Float32 tensor, or `None` if there are no weights.
    """
    if sample_weight is None:
        return None
    sample_weight = ops.convert_to_tensor(sample_weight, dtype="float32")
    missing = len(y_pred.shape) - 1 - len(sample_weight.shape)
    if missing <= 0 or not len(sample_weight.shape):
        return sample_weight
    shape = (*ops.shape(sample_weight), *(1,) * missing)
    # torch multiplies weights in place, so they need their full shape.
    ones = ops.ones_like(y_pred[..., 0], dtype="float32")
    return ops.reshape(sample_weight, shape) * ones


def logits_at(labels: Tensor, logits: Tensor) -> Tensor:
    """Resizes maps of logits to the size of label maps.

    Logits are interpolated linearly. Labels cannot be interpolated, because
    the mean of two class indices is the index of a third class.

    Args:
        labels: Ints of shape `(batch_size, height, width)`, or with a last
            dimension of 1.
        logits: Tensor of shape `(batch_size, rows, columns, num_classes)`.

    Returns:
        Float32 tensor of shape `(batch_size, height, width, num_classes)`.
        Inputs that are not maps, or have the right size, are returned
        unchanged.

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
    if len(logits) != 4 or len(labels) not in (3, 4):
        return False
    return len(labels) == 3 or labels[-1] == 1
