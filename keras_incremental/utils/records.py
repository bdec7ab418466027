"""Samples of several parts, as one array of records.

Memories, caches and splits index samples, join them and write them to files.
NumPy does all that for records: a picture and its numbers are two fields of
one row.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import DTypeLike

from keras_incremental.utils import large_arrays
from keras_incremental.utils import varying
from keras_incremental.utils.types import Structure
from keras_incremental.utils.types import Tensor

SEPARATOR = "/"


def is_records(x: object) -> bool:
    """Returns whether an array has fields."""
    return isinstance(x, np.ndarray) and x.dtype.names is not None


def is_structure(x: object, lists: bool = False) -> bool:
    """Returns whether samples come in several parts.

    Args:
        x: Samples.
        lists: Bool. Whether a list has parts, and not one sample in each
            item. Defaults to `False`.
    """
    return isinstance(x, (dict, tuple)) or (lists and isinstance(x, list))


def names_of(structure: Structure) -> list[str]:
    """Returns the name of each leaf of a structure, by its path.

    Raises:
        ValueError: if a key is no string, or looks like a path.
    """
    return [SEPARATOR.join(map(_step, p)) for p, _ in _leaves(structure)]


def packed(
    structure: Structure,
    to_numpy: Callable[[object, str], np.ndarray],
    argument: str,
) -> np.ndarray:
    """Returns a structure of arrays as an array of records.

    Args:
        structure: Dict, tuple or list of arrays, nested.
        to_numpy: Function of a leaf and its name, returns an array.
        argument: What errors call the structure by.

    Returns:
        Array of shape `(num_samples,)`.

    Raises:
        ValueError: if the arrays have different lengths.
    """
    names = names_of(structure)
    arrays = [
        to_numpy(leaf, f"{argument}[{name!r}]")
        for name, (_, leaf) in zip(names, _leaves(structure), strict=True)
    ]
    lengths = [len(x) if x.ndim else None for x in arrays]
    if not names or len(set(lengths)) > 1 or None in lengths:
        raise ValueError(
            f"All parts of `{argument}` must have one row for each sample. "
            f"Received: {dict(zip(names, lengths, strict=True))} rows. Batch "
            "all of them alike."
        )
    return of_fields(names, arrays)


def of_fields(names: Iterable[str], arrays: Iterable[np.ndarray]) -> np.ndarray:
    """Returns records of named arrays of one length."""
    fields = dict(zip(names, arrays, strict=True))
    layout = [(name, x.dtype, x.shape[1:]) for name, x in fields.items()]
    records = np.empty(len(next(iter(fields.values()))), layout)
    for name, x in fields.items():
        records[name] = x
    return records


def fields_of(records: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the arrays of records by name."""
    names = records.dtype.names or ()
    return {name: np.ascontiguousarray(records[name]) for name in names}


def map_fields(
    function: Callable[[np.ndarray], np.ndarray], x: np.ndarray
) -> np.ndarray:
    """Returns what a function makes of an array, or of each field."""
    if not is_records(x):
        return function(x)
    fields = fields_of(x)
    return of_fields(fields, map(function, fields.values()))


def joined(parts: Sequence[Any]) -> Any:
    """Returns samples below each other, in a dtype that holds all of them.

    Those that differ in shape become `VaryingSamples`.

    NumPy 2.4 writes beyond its memory where it joins or casts records of
    strings that differ in length, so it is done field by field.
    """
    if _differ(parts):
        return varying.joined(parts)
    if not is_records(parts[0]):
        return large_arrays.concatenate(parts)
    fields = zip(*(fields_of(x).values() for x in parts), strict=True)
    return of_fields(parts[0].dtype.names or (), map(np.concatenate, fields))


def cast(x: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    """Returns an array in a dtype; strings stay as long as they are.

    Args:
        x: Array, of records or not, or `VaryingSamples`.
        dtype: dtype of the same fields.
    """
    dtype = np.dtype(dtype)
    if is_records(x):
        fields = fields_of(x)
        cast_fields = [cast(a, dtype[name].base) for name, a in fields.items()]
        return of_fields(fields, cast_fields)
    return x.copy() if x.dtype.kind == "U" else x.astype(dtype)


def unpacked(x: Structure) -> Structure:
    """Returns records as dicts and tuples of arrays; else what was given."""
    if not is_records(x):
        return x
    root: dict = {}
    for name, array in fields_of(x).items():
        *path, last = name.split(SEPARATOR)
        node = root
        for step in path:
            node = node.setdefault(step, {})
        node[last] = array
    return _with_tuples(root)


def readable(x: Structure) -> Structure:
    """Returns samples in the form that a Keras model reads.

    Strings become tensors: Keras knows no dtype of NumPy for them.

    Raises:
        ValueError: if they differ in shape.
    """
    if varying.is_varying(x):
        return x.padded(None)
    if isinstance(x, (np.ndarray, dict, list, tuple)):
        return keras.tree.map_structure(_as_tensor, unpacked(x))
    return x


def describe(x: Tensor) -> str:
    """Returns the shapes of one sample, for messages."""
    if not is_records(x):
        return str(tuple(x.shape[1:]))
    shapes = {n: a.shape[1:] for n, a in fields_of(x[:0]).items()}
    return str(shapes)


def _differ(parts):
    first, *others = parts
    shapes = {part.shape[1:] for part in parts}
    return any(map(varying.is_varying, parts)) or (
        len(shapes) > 1 and all(varying.may_join(first, x) for x in others)
    )


def _leaves(structure):
    return keras.tree.flatten_with_path(structure)


def _step(key):
    if isinstance(key, int):
        return f"[{key}]"
    if not isinstance(key, str) or not key or SEPARATOR in key or "[" in key:
        raise ValueError(
            "The parts of samples must be named by strings without "
            f"'{SEPARATOR}' and '['. Received: the key {key!r}. Rename it."
        )
    return key


def _with_tuples(node):
    if not isinstance(node, dict):
        return node
    values = {key: _with_tuples(value) for key, value in node.items()}
    is_list = all(key.startswith("[") for key in values)
    # Keras takes no lists from a `PyDataset`.
    return tuple(values.values()) if is_list else values


def _as_tensor(x):
    is_text = isinstance(x, np.ndarray) and x.dtype.kind == "U"
    return ops.convert_to_tensor(x) if is_text else x
