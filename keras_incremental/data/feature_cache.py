import collections
import hashlib
import sys
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

MAX_BYTES = 2**29
# Bytes that the table takes for an entry, when it has just grown.
ENTRY_BYTES = 256


class FeatureCache:
    """Cache of rows computed once for each sample, found by its content.

    Args:
        max_bytes: Int. The oldest rows are dropped beyond it; keys and the
            table count. Defaults to 512 MiB.
    """

    def __init__(self, max_bytes: int = MAX_BYTES):
        self.max_bytes = max_bytes
        # A dict finds its oldest key in a time that grows with those deleted.
        self._rows: collections.OrderedDict[bytes, np.ndarray] = (
            collections.OrderedDict()
        )
        self._size = 0

    def __len__(self):
        return len(self._rows)

    def missing(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        """Returns the keys without a row, and the first position of each.

        Args:
            keys: Sequence of keys, see `keys_of`.
        """
        first = {key: i for i, key in reversed(list(enumerate(keys)))}
        found = {key: i for key, i in first.items() if key not in self._rows}
        return dict(sorted(found.items(), key=lambda item: item[1]))

    def rows(
        self, keys: Sequence[bytes], computed: Mapping[bytes, np.ndarray]
    ) -> np.ndarray:
        """Returns a row for each key, and keeps them.

        Args:
            keys: Sequence of keys, see `keys_of`.
            computed: Mapping of the `missing` keys and their rows.

        Returns:
            Array with one row for each key.
        """
        found = {key: self._rows[key] for key in keys if key in self._rows}
        found.update((key, row.copy()) for key, row in computed.items())
        self._keep(found)
        return np.stack([found[key] for key in keys])

    def _keep(self, rows):
        """Makes rows the newest, and drops the oldest beyond the bound."""
        for key, row in rows.items():
            self._size += 0 if key in self._rows else _bytes_of(key, row)
            self._rows[key] = row
            self._rows.move_to_end(key)
        while self._size > self.max_bytes:
            self._size -= _bytes_of(*self._rows.popitem(last=False))


def _bytes_of(key, row):
    """Returns the bytes of an entry; a row is a copy with its own data."""
    return sys.getsizeof(key) + sys.getsizeof(row) + ENTRY_BYTES


def keys_of(samples: np.ndarray) -> list[bytes]:
    """Returns the key of each sample, a digest of its content.

    Args:
        samples: Array of shape `(num_samples, ...)`.
    """
    return [_digest(sample) for sample in samples]


def _digest(sample):
    sample = np.ascontiguousarray(sample)
    as_text = sample.dtype == object
    content = repr(sample).encode() if as_text else sample.tobytes()
    kind = f"{sample.dtype}{sample.shape}".encode()
    return hashlib.sha1(kind + content, usedforsecurity=False).digest()
