"""Shapes of labels and weights, next to logits `(batch_size, ..., K)`."""

from keras import ops


def one_per_position(labels, logits):
    """Labels without the last dimension of size 1 that they may have."""
    if len(labels.shape) == len(logits.shape) and labels.shape[-1] == 1:
        labels = ops.squeeze(labels, -1)
    if len(labels.shape) != len(logits.shape) - 1:
        raise ValueError(
            "Labels must be ints with one value for each position of the "
            f"logits. Received: y_true.shape={tuple(labels.shape)}, "
            f"y_pred.shape={tuple(logits.shape)}. Give shape (batch_size, "
            "...) or (batch_size, ..., 1); decode one-hot labels by `argmax`."
        )
    return labels


def spread_weights(sample_weight, y_pred):
    """Weights of examples, in as many dimensions as the losses have.

    Keras multiplies `(batch_size,)` with `(batch_size, height, width)` along
    the width.
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
