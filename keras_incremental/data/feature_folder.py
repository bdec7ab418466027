"""Features of samples that outlive a process, in a folder."""

import os
import pathlib
import shutil
import time
import uuid
import weakref
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from keras_incremental.utils import files

KEYS, ROWS = "keys.npy", "rows.npy"
# Bytes of rows that wait in memory before they are written.
WAITING = 2**22
# Seconds after which a segment that is read counts as used again.
USED = 60.0


class FeatureFolder:
    """Folder that caches the outputs of frozen layers for each sample.

    A classifier with `cache_features=FeatureFolder(path)` runs its frozen
    layers once per sample, in whatever process, and reads the rest of a
    memory map. Features are found by the content of the sample and by all
    that the layers are: their weights, their configuration and the backend.
    So a weight that changes finds none.

    Several processes and classifiers may use a folder. What is written is
    whole or not there, also where a process is killed. Beyond `max_bytes` the
    features that were not used for the longest time are deleted. `forget` and
    `remove` of a classifier delete all of them.

    Args:
        path: String or path of the folder, which is made when it is needed.
        max_bytes: Int. The most bytes on the disk. Defaults to 8 GiB.

    Example:

    >>> import keras_incremental as ki
    >>> folder = ki.data.FeatureFolder("features", max_bytes=2**32)
    >>> folder.nbytes
    0
    """

    def __init__(self, path: str | os.PathLike, max_bytes: int = 2**33):
        if isinstance(max_bytes, bool) or not isinstance(max_bytes, int):
            raise TypeError(
                "`max_bytes` of FeatureFolder must be an integer. Received: "
                f"max_bytes={max_bytes!r}. Pass, for example, 2**33."
            )
        self.path = pathlib.Path(os.path.abspath(path))
        self.max_bytes = max_bytes

    @property
    def nbytes(self) -> int:
        """Bytes of all features in the folder."""
        return sum(size for _, size, _ in self._segments())

    def of(self, kind: str) -> "StoredFeatures":
        """Returns the cache of the layers that a string tells."""
        return StoredFeatures(self, kind)

    def erase(self) -> None:
        """Deletes all features."""
        for _, _, path in self._segments():
            shutil.rmtree(path, ignore_errors=True)

    def shrink(self) -> None:
        """Deletes features until the folder has no more than `max_bytes`."""
        segments = sorted(self._segments())
        size = sum(nbytes for _, nbytes, _ in segments)
        for _, nbytes, path in segments:
            if size <= self.max_bytes:
                break
            shutil.rmtree(path, ignore_errors=True)
            size -= nbytes

    def _segments(self):
        """Yields when each segment was used, its bytes, and its path."""
        for rows in self.path.glob(f"*/*/{ROWS}"):
            try:
                used = rows.stat()
            except OSError:
                # Another process has just deleted it.
                continue
            yield used.st_mtime, used.st_size, rows.parent


class StoredFeatures:
    """Cache of rows in a folder, with the methods of `FeatureCache`.

    Args:
        folder: `FeatureFolder`.
        kind: String that tells the layers that the rows come from.
    """

    def __init__(self, folder: FeatureFolder, kind: str):
        self.folder = folder
        self._path = folder.path / kind
        self._waiting: dict[bytes, np.ndarray] = {}
        self._segments: dict[str, _Segment] = {}
        self._index = _Index([])
        # What waits when the process ends is written.
        weakref.finalize(self, _write, self._path, self._waiting)

    def __len__(self):
        self._refresh()
        return len(self._index.keys) + len(self._waiting)

    def missing(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        """Returns the keys without a row, and the first position of each."""
        self._refresh()
        first = {key: i for i, key in reversed(list(enumerate(keys)))}
        found = self._index.find(list(first))
        return {
            key: i
            for (key, i), place in sorted(
                zip(first.items(), found, strict=True),
                key=lambda item: item[0][1],
            )
            if place is None and key not in self._waiting
        }

    def rows(
        self, keys: Sequence[bytes], computed: Mapping[bytes, np.ndarray]
    ) -> np.ndarray:
        """Returns a row for each key, and keeps those that were computed."""
        self._waiting.update((k, row.copy()) for k, row in computed.items())
        found = [
            self._waiting[key] if place is None else self._read(*place)
            for key, place in zip(keys, self._index.find(keys), strict=True)
        ]
        rows = np.stack(found)
        if len(self._waiting) * rows[:1].nbytes >= WAITING:
            self.flush()
        return rows

    def flush(self) -> None:
        """Writes the rows that wait."""
        if self._waiting:
            _write(self._path, self._waiting)
            self.folder.shrink()

    def forget_waiting(self) -> None:
        """Drops the rows that wait."""
        self._waiting.clear()

    def _read(self, name, row):
        segment = self._segments[name]
        segment.touch()
        return segment.rows[row]

    def _refresh(self):
        """Opens what other processes wrote; what they deleted stays open."""
        names = set(os.listdir(self._path)) if self._path.is_dir() else set()
        new = {n for n in names - set(self._segments) if not n.startswith(".")}
        gone = set(self._segments) - names
        if not new and not gone:
            return
        for name in gone:
            del self._segments[name]
        for name in new:
            segment = _Segment.opened(self._path / name)
            if segment is not None:
                self._segments[name] = segment
        self._index = _Index(self._segments.items())


class _Segment:
    """Rows that were written together, and their keys in ascending order."""

    def __init__(self, path):
        self._path = path / ROWS
        self.keys = np.load(path / KEYS, allow_pickle=False)
        self.rows = np.load(self._path, mmap_mode="r", allow_pickle=False)
        if self.keys.shape != self.rows.shape[:1] or self.keys.dtype != "S20":
            raise ValueError("rows without keys")
        self._used = 0.0

    @classmethod
    def opened(cls, path):
        """Returns a segment, or `None` where it is damaged or deleted."""
        try:
            return cls(path)
        except (OSError, ValueError, EOFError):
            return None

    def touch(self):
        now = time.monotonic()
        if now - self._used > USED or not self._used:
            self._used = now
            try:
                os.utime(self._path)
            except OSError:
                # It was deleted, or the folder is read-only.
                pass


class _Index:
    """Where the row of each key lies, of all segments."""

    def __init__(self, segments):
        segments = list(segments)
        self._names = [name for name, _ in segments]
        sizes = [len(segment.keys) for _, segment in segments]
        keys = [np.zeros(0, "S20"), *[s.keys for _, s in segments]]
        joined = np.concatenate(keys)
        order = np.argsort(joined, kind="stable")
        self.keys = joined[order]
        self._segment = np.repeat(np.arange(len(sizes)), sizes)[order]
        rows = [np.arange(size) for size in [0, *sizes]]
        self._row = np.concatenate(rows)[order]

    def find(self, keys):
        """Returns the segment and the row of each key, or `None`."""
        wanted = np.array(keys, "S20")
        if not len(self.keys):
            return [None] * len(wanted)
        places = np.searchsorted(self.keys, wanted)
        places = np.minimum(places, len(self.keys) - 1)
        return [
            (self._names[self._segment[k]], self._row[k]) if is_there else None
            for k, is_there in zip(
                places, self.keys[places] == wanted, strict=True
            )
        ]


def _write(path, waiting):
    """Writes rows as a segment, which is whole or not there."""
    if not waiting:
        return
    names = np.array(list(waiting), "S20")
    order = np.argsort(names, kind="stable")
    rows = np.stack(list(waiting.values()))[order]
    path.mkdir(parents=True, exist_ok=True)
    with files.replacing(path / uuid.uuid4().hex) as part:
        part.mkdir()
        np.save(part / KEYS, names[order])
        np.save(part / ROWS, rows)
    waiting.clear()
