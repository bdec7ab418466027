"""Keys of samples, by which a memory knows what it has already."""

import hashlib

import numpy as np

from keras_incremental.utils import large_arrays
from keras_incremental.utils import long_progress
from keras_incremental.utils import records
from keras_incremental.utils import varying


def keys_of(x: np.ndarray) -> np.ndarray:
    """Returns a number for each sample that tells its content.

    It is equal for equal values, in any storage of them, and differs for
    others. Of samples that differ in shape it tells the shape too.

    Args:
        x: Array of samples, of records or not, or `VaryingSamples`.

    Returns:
        Array of int64 of shape `(len(x),)`.
    """
    parts = long_progress.steps_of(
        large_arrays.slices(x), "comparing samples", len(x), "sample"
    )
    digests = [d for rows in parts for d in _digests(x[rows])]
    keys = np.frombuffer(b"".join(digests), "int64").copy()
    return with_shapes(keys, x.shapes) if varying.is_varying(x) else keys


def with_shapes(keys: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """Returns keys that tell the shape of each sample beside its values.

    Args:
        keys: Array of int64 of shape `(num_samples,)`, those of values.
        shapes: Ints of shape `(num_samples, rank)`, or of one sample for all.
    """
    shapes = np.broadcast_to(shapes, (len(keys), np.shape(shapes)[-1]))
    both = np.column_stack([keys, shapes]).astype("int64")
    digests = [_digest([row.tobytes()]) for row in both]
    return np.frombuffer(b"".join(digests), "int64").copy()


def is_repeated(stored: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Returns which new samples equal a stored one or an earlier new one.

    Args:
        stored: Keys of the samples that are stored.
        new: Keys of others.

    Returns:
        Bools of shape `(len(new),)`.
    """
    repeated = np.ones(len(new), bool)
    repeated[np.unique(new, return_index=True)[1]] = False
    return repeated | np.isin(new, stored)


def _digests(x):
    is_records = records.is_records(x)
    fields = records.fields_of(x).values() if is_records else (x,)
    return [_digest(map(_content, row)) for row in zip(*fields, strict=True)]


def _digest(contents):
    digest = hashlib.sha1(usedforsecurity=False)
    for content in contents:
        digest.update(content)
    return digest.digest()[:8]


def _content(values):
    """Returns the bytes of a sample, the same for any dtype of its values."""
    values = np.asarray(values)
    if values.dtype.kind == "U":
        return repr(values.tolist()).encode()
    with np.errstate(all="ignore"):
        small = values.astype("uint8", copy=False)
        if np.array_equal(small, values):
            return small.tobytes()
        floats = values.astype("float64", copy=False)
        exact = floats.astype(values.dtype)
    # A float of 64 bits does not hold all ints.
    if values.dtype.kind in "iu" and not np.array_equal(exact, values):
        return values.tobytes()
    # The two zeros are equal.
    return (floats + 0.0).tobytes()
