import numpy as np
from keras import ops


def to_input_size(inputs, model):
    """Pictures at the height and width that a model was made for.

    Args:
        inputs: Tensor of shape `(batch_size, height, width, channels)`;
            anything else is returned as it is.
        model: Model whose `input_shape` may leave height and width open.

    Returns:
        Tensor of shape `(batch_size, model_height, model_width, channels)`.
    """
    size = size_to_resize(inputs, model)
    if size is None:
        return inputs
    pictures = ops.cast(inputs, "float32")
    return ops.image.resize(pictures, size, data_format="channels_last")


def size_to_resize(inputs, model):
    """The size that pictures must get, or `None` if they fit."""
    wanted = model.input_shape
    if not isinstance(wanted, tuple) or len(wanted) != 4:
        return None
    given = getattr(inputs, "shape", ())
    if len(given) != 4 or given[-1] != wanted[-1]:
        return None
    size = tuple(wanted[1:3])
    return None if None in size or tuple(given[1:3]) == size else size


def resized(pictures, size, chunk=256):
    """Array of pictures at another size, in the same dtype.

    Args:
        pictures: Array of shape `(num_samples, height, width, channels)`.
        size: `(height, width)`.
        chunk: Int. How many are resized at a time. Defaults to `256`.
    """
    parts = [
        ops.convert_to_numpy(
            ops.image.resize(
                pictures[start : start + chunk].astype("float32"),
                size,
                data_format="channels_last",
            )
        )
        for start in range(0, len(pictures), chunk)
    ]
    result = np.concatenate(parts)
    if np.issubdtype(pictures.dtype, np.integer):
        limits = np.iinfo(pictures.dtype)
        result = np.clip(np.rint(result), limits.min, limits.max)
    return result.astype(pictures.dtype)
