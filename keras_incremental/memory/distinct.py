"""Which samples a memory has already, by their content."""

import hashlib

import numpy as np

from keras_incremental.utils import large_arrays
from keras_incremental.utils import records


def is_repeated(stored: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Returns which new samples equal a stored one or an earlier new one.

    Samples of equal sums are compared by a digest, so that pictures, whose
    sums differ, cost one addition a value.

    Args:
        stored: Array of samples, in any storage of their values.
        new: Array of samples of the same shape.

    Returns:
        Bools of shape `(len(new),)`.
    """
    sums = np.concatenate([_sums(stored), _sums(new)])
    _, group, sizes = np.unique(sums, return_inverse=True, return_counts=True)
    repeated, seen = np.zeros(len(new), bool), set()
    for row in np.flatnonzero(sizes[group] > 1):
        place = row - len(stored)
        key = _digest(stored[row : row + 1] if place < 0 else new[[place]])
        if place >= 0:
            repeated[place] = key in seen
        seen.add(key)
    return repeated


def _sums(x):
    if records.is_records(x):
        parts = [_sums(field) for field in records.fields_of(x).values()]
        return np.sum(parts, axis=0)
    if x.dtype.kind == "U" or not x.size:
        return np.zeros(len(x))
    sums = np.zeros(len(x))
    for rows in large_arrays.slices(x):
        part = x[rows]
        with np.errstate(all="ignore"):
            sums[rows] = part.reshape(len(part), -1).sum(1, dtype="float64")
    return sums


def _digest(x):
    fields = records.fields_of(x).values() if records.is_records(x) else (x,)
    digest = hashlib.sha1(usedforsecurity=False)
    for field in fields:
        is_text = field.dtype.kind == "U"
        content = (
            repr(field.ravel().tolist()).encode()
            if is_text
            else field.astype("float64").tobytes()
        )
        digest.update(content)
    return digest.digest()
