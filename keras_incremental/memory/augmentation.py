import keras
import numpy as np
from numpy.typing import DTypeLike

from keras_incremental.data import arrays
from keras_incremental.utils import records
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
    if augmentation is None and records.is_records(x):
        return records.cast(x, dtype)
    if augmentation is None or x.dtype.kind == "U":
        return x.astype(dtype, copy=False)
    options = {"training": True} if _is_layer(augmentation) else {}
    new = augmentation(records.unpacked(x), **options)
    new = arrays.samples_to_numpy(new, "augmentation(x)", records.is_records(x))
    if len(new) != len(x) or records.describe(new) != records.describe(x):
        raise ValueError(
            "`augmentation` must keep the shape of a batch. Received: "
            f"{len(new)} of {records.describe(new)} for {len(x)} of "
            f"{records.describe(x)}."
        )
    if not records.is_records(new):
        return _cast(new, dtype)
    wanted = np.dtype(dtype)
    fields = {
        name: field
        if field.dtype.kind == "U"
        else _cast(field, wanted[name].base)
        for name, field in records.fields_of(new).items()
    }
    return records.of_fields(fields, fields.values())


def _is_layer(augmentation):
    return isinstance(augmentation, keras.Layer)


def _cast(x, dtype):
    if np.dtype(dtype).kind in "iu":
        limits = np.iinfo(dtype)
        x = np.clip(np.rint(x), limits.min, limits.max)
    return x.astype(dtype)
