"""All samples of a pass as one array."""

import numpy as np
from numpy.typing import DTypeLike

from keras_incremental.data import arrays
from keras_incremental.utils.large_arrays import FileRows
from keras_incremental.utils.large_arrays import is_large


class Collector:
    """Samples that arrive in batches, and become one array.

    They are in compact storage, see `arrays.compact`. Numbers beyond 128 MiB
    are written to a temporary file; strings and records are not.

    Attributes:
        nbytes: Int. What was added, in compact storage.
    """

    def __init__(self) -> None:
        self.nbytes = 0
        self._batches: list[np.ndarray] = []
        self._file: FileRows | None = None

    def add(self, x: np.ndarray, dtype: DTypeLike) -> None:
        """Adds a batch.

        Args:
            x: Array of the shape of those before, but for the first axis.
            dtype: dtype of all samples so far, as a model reads them.
        """
        x = arrays.compact(x)
        self.nbytes += x.nbytes
        if self._file is None:
            self._batches.append(x)
            if is_large(self.nbytes) and x.dtype.kind in "biuf":
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
