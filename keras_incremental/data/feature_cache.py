import hashlib

import numpy as np

from keras_incremental.utils.types import Function

MAX_BYTES = 2**29


class FeatureCache:
    """Cache of rows computed once for each sample, found by its content.

    Args:
        max_bytes: Int. The oldest rows are dropped beyond it. Defaults to
            512 MiB.
    """

    def __init__(self, max_bytes: int = MAX_BYTES):
        self.max_bytes = max_bytes
        self._rows: dict[bytes, np.ndarray] = {}
        self._size = 0

    def __len__(self):
        return len(self._rows)

    def rows(self, samples: np.ndarray, compute: Function) -> np.ndarray:
        """Returns rows of samples, computed for those not seen before.

        Args:
            samples: Array of shape `(num_samples, ...)`.
            compute: Function from samples to an array with as many rows.

        Returns:
            Array with one row for each sample.
        """
        keys = [_digest(sample) for sample in samples]
        first = {key: i for i, key in reversed(list(enumerate(keys)))}
        missing = sorted(i for k, i in first.items() if k not in self._rows)
        found = {key: self._rows[key] for key in first if key in self._rows}
        if missing:
            computed = compute(samples[missing])
            found.update(
                (keys[i], row.copy())
                for i, row in zip(missing, computed, strict=True)
            )
        self._keep(found)
        return np.stack([found[key] for key in keys])

    def _keep(self, rows):
        """Makes rows the newest, and drops the oldest beyond the bound."""
        for key, row in rows.items():
            known = self._rows.pop(key, None)
            self._size += row.nbytes if known is None else 0
            self._rows[key] = row
        while self._size > self.max_bytes:
            self._size -= self._rows.pop(next(iter(self._rows))).nbytes


def _digest(sample):
    sample = np.ascontiguousarray(sample)
    as_text = sample.dtype == object
    content = repr(sample).encode() if as_text else sample.tobytes()
    kind = f"{sample.dtype}{sample.shape}".encode()
    return hashlib.sha1(kind + content, usedforsecurity=False).digest()
