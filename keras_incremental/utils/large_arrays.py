"""Arrays that lie in a temporary file where they are large.

A file has no name, so nothing is left of it, however the process ends. Set
the environment variable `TMPDIR` to choose its disk.
"""

import contextlib
import errno
import math
import mmap
import os
import tempfile
from collections.abc import Iterator
from collections.abc import Sequence
from typing import IO
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

# Bytes that one array may have in memory: 128 MiB.
LIMIT = 2**27
# Bytes that are read of a larger one at a time: 32 MiB.
CHUNK = 2**25


def is_large(nbytes: int) -> bool:
    """Returns whether an array of so many bytes lies in a file."""
    return nbytes > LIMIT


def empty(shape: Sequence[int], dtype: DTypeLike) -> np.ndarray:
    """Returns an array without values, in a file if it is large.

    Args:
        shape: Sequence of ints.
        dtype: dtype of numbers, or of records of them.

    Raises:
        OSError: if the disk has no room for it.
    """
    dtype, nbytes = np.dtype(dtype), math.prod(shape) * np.dtype(dtype).itemsize
    if dtype.hasobject or not is_large(nbytes):
        return np.empty(shape, dtype)
    with temporary_file(nbytes) as file:
        return np.memmap(file, dtype, "r+", shape=tuple(shape))


def concatenate(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Returns arrays below each other, in a file if they are large."""
    nbytes = sum(part.nbytes for part in parts)
    if not is_large(nbytes):
        return np.concatenate(parts)
    rows = sum(len(part) for part in parts)
    joined = empty((rows, *parts[0].shape[1:]), np.result_type(*parts))
    start = 0
    for part in parts:
        for read in slices(part):
            size = len(part[read])
            joined[start : start + size] = part[read]
            start += size
            release(joined)
    return joined


def take(x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Returns some rows of an array, in a file if they are large.

    Args:
        x: Array, or `VaryingSamples`, which lie in no file.
        rows: Ints of shape `(num_rows,)`.
    """
    if None in x.shape or not is_large(x[:1].nbytes * len(rows)):
        return x[rows]
    if len(rows) == len(x) and np.array_equal(rows, np.arange(len(x))):
        return x
    taken = empty((len(rows), *x.shape[1:]), x.dtype)
    for part in slices(taken):
        taken[part] = x[rows[part]]
        release(x)
    return taken


def slices(x: np.ndarray, at_once: int | None = None) -> Iterator[slice]:
    """Yields slices of the rows of an array, a single one unless it is large.

    What was read of a file leaves the memory after each.

    Args:
        x: Array of shape `(num_rows, ...)`.
        at_once: Int, bytes of a slice. Defaults to `None`: 32 MiB of an array
            that lies in a file, else all.
    """
    if at_once is None:
        at_once = CHUNK if is_large(x.nbytes) else x.nbytes
    size = max(at_once * len(x) // max(x.nbytes, 1), 1)
    for start in range(0, len(x), size):
        yield slice(start, start + size)
        release(x)


def release(x: np.ndarray) -> None:
    """Lets what an array holds in memory of its file go."""
    base: Any = x
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(base, "madvise"):
        base.madvise(mmap.MADV_DONTNEED)


@contextlib.contextmanager
def temporary_file(nbytes: int = 0) -> Iterator[IO[bytes]]:
    """Gives a file without a name, that has room for so many bytes.

    Raises:
        OSError: if the disk is full; it names the folder.
    """
    try:
        with tempfile.TemporaryFile() as file:
            if hasattr(os, "posix_fallocate") and nbytes:
                # To write to a map of a full disk would kill the process.
                os.posix_fallocate(file.fileno(), 0, nbytes)
            else:
                file.truncate(nbytes)
            yield file
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, None):
            raise
        raise OSError(
            error.errno or errno.ENOSPC,
            "There is no room for a temporary file of samples or features. "
            f"Received: the folder '{tempfile.gettempdir()}'. Set the "
            "environment variable TMPDIR to a folder with more room.",
        ) from error


class FileRows:
    """Rows that are written to a temporary file as they arrive.

    Args:
        shape: Sequence of ints, the shape of a row.
        dtype: dtype of numbers.
    """

    def __init__(self, shape: Sequence[int], dtype: DTypeLike):
        self.dtype = np.dtype(dtype)
        self._shape = shape
        self._size = 0
        self._files = contextlib.ExitStack()
        self._file = self._files.enter_context(temporary_file())

    def add(self, rows: np.ndarray) -> None:
        """Writes an array of rows, in the dtype of the file."""
        for read in slices(rows):
            part = np.ascontiguousarray(rows[read], self.dtype)
            self._file.write(part.data)
        self._size += len(rows)

    def array(self) -> np.ndarray:
        """Returns all rows. No more can be added."""
        with self._files:
            self._file.flush()
            shape = (self._size, *self._shape)
            return np.memmap(self._file, self.dtype, "r+", shape=shape)
