"""Conversion of what users hold into NumPy arrays."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

SPARSE = ("SparseTensor", "RaggedTensor", "IndexedSlices")


def to_numpy(value: Any, argument: str) -> np.ndarray:
    """Returns a tensor or a list as one NumPy array, strings decoded.

    Args:
        value: Array, tensor of any framework, or nested list.
        argument: Name of the argument, for the messages.

    Returns:
        Array of numbers, booleans or strings.

    Raises:
        TypeError: if `value` is a dict, sparse, ragged, or holds objects.
    """
    _refuse_structures(value, argument)
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise TypeError(
            f"`{argument}` must be one array. Received: "
            f"{type(value).__name__} whose items differ in shape. Resize or "
            "pad the items to one shape."
        ) from error
    if array.dtype.name == "bfloat16":
        return array.astype("float32")
    return _decode(array, argument) if array.dtype.kind in "OS" else array


def compact(x: np.ndarray) -> np.ndarray:
    """Returns samples as `uint8` if all values are integers up to 255.

    Args:
        x: Array.

    Returns:
        A `uint8` array with the same values if there is one, else `x`.
    """
    if x.dtype.kind != "f":
        return x
    with np.errstate(invalid="ignore"):
        small = x.astype("uint8")
    return small if np.array_equal(small, x) else x


def concatenate(arrays: Sequence[np.ndarray], dtype: DTypeLike) -> np.ndarray:
    """Returns joined arrays; where they differ in dtype, cast to `dtype`."""
    if len({x.dtype for x in arrays if x.dtype.kind != "U"}) > 1:
        arrays = [x.astype(dtype) for x in arrays]
    return np.concatenate(arrays)


def check_finite(x: np.ndarray, argument: str, start: int = 0) -> None:
    """Raises a `ValueError` that names the first rows that are not finite."""
    if x.dtype.kind not in "fc":
        return
    with np.errstate(all="ignore"):
        if x.dtype == "float64":
            x = x.astype("float32")
        # The sum is finite if all values are, and costs no temporary array.
        if np.isfinite(np.sum(x)):
            return
    rows = np.isfinite(x).reshape(len(x), -1).all(axis=1)
    bad = (np.flatnonzero(~rows) + start)[:5].tolist()
    if bad:
        raise ValueError(
            f"`{argument}` contains values that are NaN or infinite in "
            f"float32. Received: {argument}[{bad[0]}] (first bad rows: "
            f"{bad}). Remove these rows, or repair the step that made them."
        )


def _refuse_structures(value, argument):
    kind = type(value).__name__
    if value is None or isinstance(value, (str, bytes, os.PathLike)):
        raise TypeError(
            f"`{argument}` must be an array. Received: {value!r}. Read files "
            "first, as `keras.utils.image_dataset_from_directory` does."
        )
    if callable(value):
        raise TypeError(
            f"`{argument}` must be an array. Received: {value!r}. Call it, "
            "and pass what it returns."
        )
    if isinstance(value, dict):
        raise TypeError(
            f"`{argument}` must be one array, for a model with one input. "
            f"Received: a dict with keys {list(value)}. Join the inputs "
            "into one array."
        )
    if (
        kind in SPARSE
        or hasattr(value, "tocsr")
        or getattr(value, "is_sparse", False)
    ):
        raise TypeError(
            f"`{argument}` must be dense. Received: {kind}. Make it dense "
            "first, for example with `tf.sparse.to_dense`, `.to_tensor()`, "
            "`.toarray()` or `.to_dense()`."
        )


def _decode(array, argument):
    values = array.ravel().tolist()
    if not all(isinstance(value, (str, bytes)) for value in values):
        odd = [v for v in values if not isinstance(v, (str, bytes))]
        raise TypeError(
            f"`{argument}` must hold numbers or strings. Received: dtype "
            f"object with {type(odd[0]).__name__} items. Convert it to one "
            "array of numbers of one shape first, for example with "
            '`np.stack(items).astype("float32")`.'
        )
    text = [v.decode() if isinstance(v, bytes) else v for v in values]
    return np.array(text, dtype=str).reshape(array.shape)
