import keras
import numpy as np
from numpy.typing import DTypeLike

from keras_incremental.data import arrays
from keras_incremental.utils.types import Function


def augmented(
    augmentation: Function | None, x: np.ndarray, dtype: DTypeLike
) -> np.ndarray:
    """Returns samples of a batch, augmented, in a dtype.

    Args:
        augmentation: Layer or function on batches, or `None`.
        x: Array of shape `(batch_size, ...)`, as the model sees it.
        dtype: dtype of the result.

    Raises:
        ValueError: if the shape changes.
    """
    if augmentation is None or x.dtype.kind == "U":
        return x.astype(dtype, copy=False)
    options = {"training": True} if _is_layer(augmentation) else {}
    new = arrays.to_numpy(augmentation(x, **options), "augmentation(x)")
    if new.shape != x.shape:
        raise ValueError(
            "`augmentation` must keep the shape of a batch. Received: "
            f"{new.shape} for {x.shape}."
        )
    return _cast(new, dtype)


def _is_layer(augmentation):
    return isinstance(augmentation, keras.Layer)


def _cast(x, dtype):
    if np.dtype(dtype).kind in "iu":
        limits = np.iinfo(dtype)
        x = np.clip(np.rint(x), limits.min, limits.max)
    return x.astype(dtype)
