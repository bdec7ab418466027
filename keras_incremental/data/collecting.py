"""All samples of a pass as one array."""

import numpy as np
from numpy.typing import DTypeLike

from keras_incremental.data import arrays
from keras_incremental.utils.large_arrays import FileRows
from keras_incremental.utils.large_arrays import is_large


class Collector:
    """Samples that arrive in batches, and become one array.

    They are in compact storage, see `arrays.compact`. Numbers beyond 128 MiB
    are written to a temporary file; strings, records and samples that differ
    in shape are not.

    Attributes:
        nbytes: Int. What was added, in compact storage.
    """

    def __init__(self) -> None:
        self.nbytes = 0
        self._batches: list[np.ndarray] = []
        self._file: FileRows | None = None
        self._shape: tuple | None = None
        self._varies = False

    def add(self, x: np.ndarray, dtype: DTypeLike) -> None:
        """Adds a batch.

        Args:
            x: Array, or `VaryingSamples`.
            dtype: dtype of all samples so far, as a model reads them.
        """
        x = arrays.compact(x)
        self.nbytes += x.nbytes
        if self._shape is None:
            self._shape = x.shape[1:]
        self._varies |= None in x.shape or x.shape[1:] != self._shape
        if self._varies and self._file is not None:
            self._batches, self._file = [self._file.array()], None
        if self._file is None:
            self._batches.append(x)
            is_number = x.dtype.kind in "biuf"
            if is_large(self.nbytes) and is_number and not self._varies:
                self._to_file(dtype)
            return
        if not np.can_cast(x.dtype, self._file.dtype):
            self._file = _cast(self._file, dtype)
        self._file.add(x)

    def array(self, dtype: DTypeLike) -> np.ndarray:
        """Returns all samples; where they differ in storage, in `dtype`."""
        if self._file is None:
            return arrays.concatenate(self._batches, dtype)
        return self._file.array()

    def _to_file(self, dtype):
        batches, self._batches = self._batches, []
        dtypes = {x.dtype for x in batches}
        dtype = dtypes.pop() if len(dtypes) == 1 else dtype
        self._file = FileRows(batches[0].shape[1:], dtype)
        for x in batches:
            self._file.add(x)


def _cast(rows, dtype):
    """Returns the same rows in a file of another dtype."""
    old = rows.array()
    cast = FileRows(old.shape[1:], dtype)
    cast.add(old)
    return cast
