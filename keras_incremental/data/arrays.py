"""Conversion of what users hold into NumPy arrays.

Nothing of pandas is imported.
"""

import enum
import math
import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import DTypeLike

from keras_incremental.utils import large_arrays
from keras_incremental.utils import records
from keras_incremental.utils import varying
from keras_incremental.utils.types import Function

SPARSE = ("SparseTensor", "IndexedSlices")
# Kinds of dtypes that may hold text and are no unicode: objects, bytes, and
# strings of any length.
TEXT = "OST"
LISTED = " Batches in a list are tuples of arrays, `[(x, y), ...]`."
MISSING = (
    " Fill what is missing, or leave these rows out; `partial_labels` of "
    "`learn` says what a missing label means."
)


def as_array(value: Any) -> Any:
    """Returns a table, or a column of one, as an array.

    Columns of several dtypes of numbers, and those in which numbers may be
    missing, become floats; what is missing is NaN there, and `None` among
    strings.

    Args:
        value: `DataFrame`, `Series`, `Index` or `Categorical` of pandas, or
            of a library with the same method `to_numpy`. Anything else is
            returned as it is.
    """
    if not hasattr(value, "to_numpy"):
        return value
    array = np.asarray(value)
    if array.dtype.kind != "O":
        return array
    entries = [None if _is_missing(e) else e for e in array.ravel().tolist()]
    numbers = all(isinstance(e, (int, float, type(None))) for e in entries)
    result = np.empty(len(entries), "float64" if numbers else object)
    result[:] = entries
    return result.reshape(array.shape)


def class_names(labels: Any) -> list[str] | None:
    """Returns the names of the columns of a table of labels.

    Args:
        labels: Labels of any form. A table has names if it has more than one
            column, each named by a string, as `pandas.get_dummies` makes it.

    Returns:
        List of strings, or `None`.
    """
    names = list(getattr(labels, "columns", ()))
    named = len(names) > 1 and all(isinstance(name, str) for name in names)
    return names if named else None


def _is_missing(entry):
    if isinstance(entry, float):
        return math.isnan(entry)
    return entry is None or type(entry).__name__ in ("NAType", "NaTType")


def to_numpy(value: Any, argument: str) -> np.ndarray:
    """Returns a tensor or a list as one NumPy array, strings decoded.

    Args:
        value: Array, tensor of any framework, table or column of pandas, or
            nested list.
        argument: Name of the argument, for the messages.

    Returns:
        Array of numbers, booleans or strings.

    Raises:
        TypeError: if `value` is a dict, sparse, ragged, or holds objects.
    """
    if records.is_records(value):
        return value
    _refuse_structures(value, argument)
    value = plain(value)
    try:
        array = np.asarray(as_array(value))
    except (ValueError, TypeError) as error:
        raise TypeError(
            f"`{argument}` must be one array. Received: "
            f"{type(value).__name__} whose items differ in shape. Resize or "
            "pad the items to one shape, as `keras.utils.pad_sequences(x, "
            f"padding='post')` does.{LISTED if _is_nested(value) else ''}"
        ) from error
    if array.dtype.name == "bfloat16":
        return array.astype("float32")
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        return array.astype("float64")
    return _decode(array, argument) if array.dtype.kind in TEXT else array


def plain(value: Any) -> Any:
    """Returns a tensor of torch, and names in a list, as NumPy reads them.

    Of strings of an `Enum`, NumPy makes something else.

    Raises:
        TypeError: if values of a masked array are missing.
    """
    if np.ma.is_masked(value):
        raise TypeError(
            "Arrays must have all their values. Received: a masked array, with "
            f"{np.ma.count_masked(value)} values masked. Fill them, by "
            "`x.filled(0)`, or leave these samples out."
        )
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        is_half = str(value.dtype) == "torch.bfloat16"
        return value.float() if is_half else value
    if isinstance(value, (list, tuple)) and _has_enum(value):
        return [str.__str__(name) for name in value]
    return value


def check_known(value: Any, argument: str) -> None:
    """Raises a `TypeError` for what is no array, and no known data set.

    Args:
        value: What was passed as samples, or as a data set.
        argument: Name of the argument, for the message.
    """
    held = (str, bytes, os.PathLike, dict, Sequence, type(None))
    is_array = any(hasattr(value, name) for name in ("__array__", "shape"))
    if is_array or hasattr(value, "to_numpy") or isinstance(value, held):
        return
    if any(hasattr(value, name) for name in ("__iter__", "__getitem__")):
        raise TypeError(
            f"`{argument}` must be arrays, or a data set that yields batches. "
            f"Received: {type(value).__name__}. Pass `iter({argument})` if it "
            "yields batches of `(samples, labels)`; a `Dataset` of torch goes "
            "into a `torch.utils.data.DataLoader`."
        )


def refuse_ragged(structure: Any, argument: str) -> None:
    """Raises a `TypeError` if samples, or specs of them, differ in length."""
    for part in keras.tree.flatten(structure):
        if "Ragged" in type(part).__name__:
            raise TypeError(
                f"`{argument}` must be dense tensors of one length. Received: "
                f"{type(part).__name__}. Pad them, by `x.to_tensor()` or "
                "`dataset.map(lambda x, y: (x.to_tensor(), y))`; an "
                "`Embedding(mask_zero=True)` or a `Masking` layer leaves the "
                "padding out."
            )


def samples_to_numpy(
    value: Any, argument: str, lists: bool = False, varies: bool = False
) -> Any:
    """Returns samples as one array, of records if they have several parts.

    Args:
        value: Array, tensor or nested list, or a dict or tuple of these.
        argument: Name of the argument, for the messages.
        lists: Bool. Whether a list has parts, and not one sample in each
            item. Defaults to `False`.
        varies: Bool. Whether samples of one part may differ in shape, and
            then come as `VaryingSamples`. Defaults to `False`.

    Raises:
        TypeError: if a part cannot be one array.
        ValueError: if the parts differ in length.
    """
    if records.is_structure(value, lists):
        return records.packed(value, to_numpy, argument)
    if not varies:
        return to_numpy(value, argument)
    return value if varying.is_varying(value) else _samples(value, argument)


def as_keras_reads(value: Any, argument: str) -> Any:
    """Returns an array that Keras has no dtype for as one that it reads.

    Args:
        value: Tensor of any framework, returned as it is; or array of bytes
            or objects, or table or column of pandas.
        argument: Name of the argument, for the messages.
    """
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    is_long = kind == "f" and value.dtype.itemsize > 8
    is_odd = hasattr(value, "to_numpy") or kind in (*TEXT, "U") or is_long
    if is_odd or np.ma.is_masked(value):
        return to_numpy(value, argument)
    return value.detach() if getattr(value, "requires_grad", False) else value


def in_chunks(function: Function, x: np.ndarray, size: int = 256) -> np.ndarray:
    """Returns what a function of samples gives, called on some at a time.

    Args:
        function: Function of samples as a model reads them, returns a tensor.
        x: Array, of records where samples have several parts.
        size: Int. Defaults to `256`.
    """
    chunks = np.split(x, range(size, len(x), size))
    outputs = [function(records.readable(chunk)) for chunk in chunks]
    return np.concatenate([ops.convert_to_numpy(each) for each in outputs])


def compact(x: Any) -> Any:
    """Returns samples as `uint8` if all values are integers up to 255.

    Args:
        x: Array, or `VaryingSamples`.

    Returns:
        A `uint8` array with the same values if there is one, else `x`. Of
        records, the same for each field.
    """
    if records.is_records(x):
        return records.map_fields(compact, x)
    if varying.is_varying(x):
        small = [compact(each) for each in x]
        fits = all(each.dtype == "uint8" for each in small)
        return x.of(small, x.sample_shape, "uint8") if fits else x
    if x.dtype.kind != "f":
        return x
    small = large_arrays.empty(x.shape, "uint8")
    for rows in large_arrays.slices(x):
        with np.errstate(invalid="ignore"):
            small[rows] = x[rows].astype("uint8")
        if not np.array_equal(small[rows], x[rows]):
            return x
        large_arrays.release(small)
    return small


def concatenate(arrays: Sequence[np.ndarray], dtype: DTypeLike) -> np.ndarray:
    """Returns joined arrays; where they differ in dtype, cast to `dtype`."""
    if len({x.dtype for x in arrays if x.dtype.kind != "U"}) > 1:
        arrays = [records.cast(x, dtype) for x in arrays]
    return records.joined(arrays)


def check_finite(x: np.ndarray, argument: str, start: int = 0) -> None:
    """Raises a `ValueError` that names the first rows that are not finite."""
    if records.is_records(x):
        for name, field in records.fields_of(x).items():
            check_finite(field, f"{argument}[{name!r}]", start)
    if x.dtype.kind not in "fc":
        return
    bad = (np.flatnonzero(~_finite_rows(x)) + start)[:5].tolist()
    if bad:
        raise ValueError(
            f"`{argument}` contains values that are NaN or infinite in "
            f"float32. Received: {argument}[{bad[0]}] (first bad rows: "
            f"{bad}). Remove these rows, or repair the step that made them."
        )


def _finite_rows(x):
    """Returns which rows are finite in float32."""
    if varying.is_varying(x):
        return np.array([_finite_rows(row[None])[0] for row in x], bool)
    with np.errstate(all="ignore"):
        if x.dtype == "float64":
            x = x.astype("float32")
        # The sum is finite if all values are, and costs no temporary array.
        if np.isfinite(np.sum(x)):
            return np.ones(len(x), bool)
    return np.isfinite(x).reshape(len(x), -1).all(axis=1)


def _samples(value, argument):
    """Returns an array, or `VaryingSamples` of items that differ in shape."""
    try:
        return to_numpy(value, argument)
    except TypeError:
        items = varying.items_of(value)
        if items is None:
            raise
        arrays = [to_numpy(x, f"{argument}[{k}]") for k, x in enumerate(items)]
        if {x.dtype.kind for x in arrays} - set("biuf"):
            raise
    return varying.VaryingSamples.of(arrays)


def _refuse_structures(value, argument):
    refuse_ragged(value, argument)
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
        missing = MISSING if any(v is None for v in odd) else ""
        if isinstance(odd[0], enum.Enum):
            raise TypeError(
                f"`{argument}` must hold numbers or strings. Received: "
                f"{odd[0]!r}. Pass names, by `[item.name for item in "
                f"{argument}]`."
            )
        raise TypeError(
            f"`{argument}` must hold numbers or strings. Received: dtype "
            f"object with {type(odd[0]).__name__} items. Convert it to one "
            "array of numbers of one shape first, for example with "
            f'`np.stack(items).astype("float32")`.{missing}'
        )
    text = [
        v.decode() if isinstance(v, bytes) else str.__str__(v) for v in values
    ]
    return np.array(text, dtype=str).reshape(array.shape)


def _has_enum(values):
    """Returns whether there are strings of an `Enum` in a list of strings."""
    is_text = len(values) > 0 and isinstance(values[0], str)
    return is_text and any(isinstance(v, enum.Enum) for v in values)


def _is_nested(value):
    """Returns whether a list has lists or tuples, as a list of batches."""
    nested = (list, tuple)
    return isinstance(value, nested) and all(
        isinstance(item, nested) for item in value
    )
