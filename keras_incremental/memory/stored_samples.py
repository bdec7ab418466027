"""Samples of a memory that lie in a file, and keys of their content."""

import dataclasses
import errno
import functools
import hashlib
import math
import os
import weakref
from collections.abc import Sequence
from typing import Any
from typing import Self

import numpy as np
from numpy.typing import DTypeLike

from keras_incremental.data import arrays
from keras_incremental.memory.sample_store import SampleStore
from keras_incremental.utils import large_arrays
from keras_incremental.utils import long_progress
from keras_incremental.utils import records
from keras_incremental.utils import varying
from keras_incremental.utils.types import Shape


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


_all: "weakref.WeakSet[StoredSamples]" = weakref.WeakSet()


class StoredSamples:
    """Samples of a store as an array that is read when it is indexed.

    Args:
        store: `SampleStore`.
        rows: Array of int64 of shape `(n,)`, the row of each sample.
        dtype: dtype of what is read; strings are as long as they are.
        shape: Shape of one sample. Where it has `None`, `VaryingSamples` are
            read.
    """

    def __init__(
        self,
        store: SampleStore,
        rows: np.ndarray,
        dtype: DTypeLike,
        shape: Shape,
    ):
        self.store = store
        self.rows = rows
        self.dtype = np.dtype(dtype)
        self.shape: Any = (len(rows), *shape)
        _all.add(self)

    @classmethod
    def of(cls, store: SampleStore, x: np.ndarray) -> Self:
        """Adds an array of samples to a store."""
        return cls(store, store.add(x), x.dtype, x.shape[1:])

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @functools.cached_property
    def size(self) -> int:
        if varying.varies(self):
            return self.store.num_values(self.rows)
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the samples when they are read."""
        return self.size * self.dtype.itemsize

    def __len__(self):
        return len(self.rows)

    def __deepcopy__(self, memo):
        # It is never changed.
        return self

    def __getitem__(self, rows):
        chosen = self.rows[rows]
        read = self._read(np.atleast_1d(chosen))
        return read if np.ndim(chosen) else read[0]

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.array(), dtype)

    def take(self, rows: np.ndarray, axis: int = 0) -> Self:
        """The samples at `rows`, in that order, not read yet."""
        return self.at(self.rows[rows])

    def at(self, rows: np.ndarray) -> Self:
        """Samples of the same store at rows of the file, not read yet."""
        return type(self)(self.store, rows, self.dtype, self.shape[1:])

    def as_type(self, dtype: DTypeLike) -> Self:
        """The samples in another dtype, not read yet."""
        if self.dtype.kind in "UV":
            dtype = np.result_type(self.dtype, dtype)
        return type(self)(self.store, self.rows, dtype, self.shape[1:])

    def with_shape(self, shape: Shape) -> Self:
        """The same, read as samples of a shape that has `None`."""
        return type(self)(self.store, self.rows, self.dtype, shape)

    def array(self) -> Any:
        """Reads all samples, into a temporary file where they are large.

        Those that differ in shape are in memory.
        """
        if varying.varies(self) or not large_arrays.is_large(self.nbytes):
            return self[:]
        x = large_arrays.empty(self.shape, self.dtype)
        for rows in large_arrays.slices(self):  # type: ignore[arg-type]
            x[rows] = self[rows]
            large_arrays.release(x)
        return x

    def _read(self, rows):
        if varying.varies(self):
            return self._read_varying(rows)
        if not len(rows):
            return np.empty((0, *self.shape[1:]), self.dtype)
        places, parts = zip(*self.store.read(rows), strict=True)
        several = len(parts) > 1
        x = arrays.concatenate(parts, self.dtype) if several else parts[0]
        if x.dtype != self.dtype:
            x = records.cast(x, self.dtype)
        return x[np.argsort(np.concatenate(places))] if several else x

    def _read_varying(self, rows):
        found = {}
        for places, part in self.store.read(rows) if len(rows) else ():
            found.update(zip(places.tolist(), part, strict=True))
        samples = [found[place] for place in range(len(rows))]
        return varying.VaryingSamples.of(samples, self.shape[1:], self.dtype)


def joined(
    parts: Sequence[Any], dtype: DTypeLike, rows: np.ndarray | None = None
) -> Any:
    """Returns samples below each other, as `arrays.concatenate` does.

    Args:
        parts: List of arrays, or of `StoredSamples` of one store.
        dtype: dtype of samples that are not of one dtype.
        rows: Array of int64, the rows of the result in the store. Defaults to
            `None`, those of the parts.
    """
    if not is_stored(parts[0]):
        return arrays.concatenate(parts, dtype)
    dtypes = {part.dtype for part in parts}
    if parts[0].dtype.kind in "UV":
        dtype = np.result_type(*dtypes)
    elif len(dtypes) == 1:
        dtype = parts[0].dtype
    if rows is None:
        rows = np.concatenate([part.rows for part in parts])
    shape = varying.common_shape(part.shape[1:] for part in parts)
    return StoredSamples(parts[0].store, rows, dtype, shape)


def is_stored(x: object) -> bool:
    """Returns whether samples lie in a store, and no array."""
    return isinstance(x, StoredSamples)


def as_array(x: Any, dtype: DTypeLike) -> np.ndarray:
    """Returns samples as an array of its own in a dtype."""
    return x.as_type(dtype).array() if is_stored(x) else records.cast(x, dtype)


@dataclasses.dataclass(frozen=True)
class Reference:
    """What the file of a memory knows of samples that lie in another file.

    Attributes:
        path: String, the file where they lie.
        uuid: String that tells it from all others.
        rows: Array of int64 of shape `(n,)`.
        dtype: dtype of the samples.
        shape: Shape of one sample.
    """

    path: str
    uuid: str
    rows: np.ndarray
    dtype: np.dtype
    shape: Shape

    def found(self, store: SampleStore | None) -> StoredSamples:
        """Returns the samples, in a store or in the file at the path.

        Raises:
            FileNotFoundError: if there is none.
            ValueError: if it is another one, or has lost samples.
        """
        if store is None or store.uuid != self.uuid:
            check_exists(self.path)
            store = SampleStore(self.path)
        if store.uuid != self.uuid:
            raise ValueError(
                "The file of exemplars is not the one that they were stored "
                f"in. Received: path='{self.path}', made anew or replaced. "
                "Put the old file back."
            )
        return StoredSamples(store, self.rows, self.dtype, self.shape)


def without_forgotten(content: Any, x: StoredSamples) -> Any:
    """Returns `Exemplars` with samples of a file, but for forgotten ones.

    Raises:
        ValueError: if the file has lost others, or has other samples.
    """
    forgotten, deleted = x.store.deleted()
    content = dataclasses.replace(content, x=x)
    content = content.take(np.flatnonzero(~np.isin(x.rows, forgotten)))
    rows = content.x.rows
    lost = np.isin(rows, deleted) | (rows > x.store.last_row())
    newest = np.flatnonzero(rows == rows.max(initial=0))
    if lost.any() or not np.array_equal(
        keys_of(content.x[newest]), content.keys[newest]
    ):
        raise ValueError(
            "The file of exemplars has lost some of them. Received: path="
            f"'{x.store.path}', without rows {rows[lost][:5].tolist()}: it "
            "was pruned after this memory was saved, or an older copy was put "
            "in its place. Load a newer file of the memory or classifier."
        )
    return content


def check_exists(path: str | None) -> None:
    """Raises if there is no file of exemplars at a path, or an empty one."""
    if path is None or (os.path.exists(path) and os.path.getsize(path)):
        return
    raise FileNotFoundError(
        errno.ENOENT,
        "The exemplars lie in a file of their own, which is missing. Put it "
        "there, or start the process in the folder that the path begins in",
        path,
    )


def lies_in(x: Any, store: SampleStore | None) -> bool:
    """Returns whether samples lie in a store; `None` is for arrays."""
    if not is_stored(x):
        return store is None
    return store is not None and x.store.uuid == store.uuid


def rows_in_use(store: SampleStore) -> np.ndarray:
    """Returns the rows of a store that anything in this process refers to."""
    used = [x.rows for x in list(_all) if x.store.uuid == store.uuid]
    return np.unique(np.concatenate([np.zeros(0, "int64"), *used]))
