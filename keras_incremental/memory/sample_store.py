"""Samples in an SQLite file.

SQLite is part of Python, keeps all of it in one file, and a transaction that
is killed leaves nothing. Of 30,000 pictures of 32 x 32 it reads one in 12
microseconds, and LMDB in 2, which has to be installed, wants to know the size
of the file before, and maps it, so that what was read counts as memory of the
process. ArrayRecord takes 25, and cannot be appended to. PNG takes 15 % less
room than zlib, and four times as long to read.
`python -m examples.benchmarks.sample_stores` measures that.

A batch takes more than twice the time that it takes from memory, and a step of
`fit` of a small network no longer. Most of that time SQLite finds and copies
pages, as `exemplars_on_disk` beside it measures. Pages of 4096 bytes, a map of
the file, or one query for the exemplars of 20 batches take a tenth or two off
that, of a million exemplars.
"""

import contextlib
import errno
import itertools
import json
import math
import os
import sqlite3
import threading
import time
import uuid
import weakref
import zlib
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from keras_incremental.errors import DamagedFileError
from keras_incremental.utils import large_arrays
from keras_incremental.utils import long_progress
from keras_incremental.utils import varying
from keras_incremental.utils.types import Shape

# "KiEx" as an int: what SQLite calls the application of a file.
APPLICATION, FORMAT = 0x4B694578, 1
# Five pictures of 32 x 32 x 3 to a page.
PAGE = 16384
# Rows of one query, and seconds to wait for another process.
ROWS, PATIENCE = 256, 60.0
# Pages that tell where a million samples lie are read once: 16 MB. A number of
# bytes would be taken for pages of 4096. What is deleted is overwritten.
OPTIONS = (("cache_size", 1000), ("secure_delete", "ON"))
# Numbers of rows that a query is compiled for.
SIZES = (1, 16, 32, 64, 128, ROWS)
# Bytes that are written together, and how many of these samples tell whether
# to compress is worth while.
AT_ONCE, TRIED = 2**20, 16
# What SQLite says where the file is whole.
ERRNOS = {
    "full": errno.ENOSPC,
    "locked": errno.EBUSY,
    "readonly": errno.EROFS,
    "unable to open": errno.ENOENT,
}
TABLES = (
    "CREATE TABLE IF NOT EXISTS store (uuid TEXT)",
    "CREATE TABLE IF NOT EXISTS layouts (layout TEXT UNIQUE)",
    "CREATE TABLE IF NOT EXISTS samples (row INTEGER PRIMARY KEY "
    "AUTOINCREMENT, layout INTEGER, added REAL, x BLOB)",
    "CREATE TABLE IF NOT EXISTS deleted (row INTEGER PRIMARY KEY, "
    "forgotten INTEGER)",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {FORMAT}",
)
SELECT = "SELECT layout, x FROM samples"


class SampleStore:
    """An SQLite file of samples, each with a row that is never used twice.

    A call that writes writes all or nothing, whatever happens. Several
    threads and processes may use a file; one that writes lets the others
    wait, a minute at most.

    Args:
        path: String or path. A missing file is made.

    Attributes:
        path: String, as it was given.
        uuid: String that tells the store from all others.

    Raises:
        DamagedFileError: if the file is damaged or of another kind.
        OSError: if it cannot be read or written.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = os.fspath(path)
        self._file = os.path.abspath(self.path)
        self._lock = threading.RLock()
        self._connections: dict[int, sqlite3.Connection] = {}
        weakref.finalize(self, _close, self._connections)
        self._layouts: dict[int, tuple[np.dtype, Any]] = {}
        with self._lock, self._naming_errors():
            self.uuid = _opened(self._connection())

    def __deepcopy__(self, memo):
        # What is stored never changes, so copies of a memory may share it.
        return self

    def __reduce__(self):
        return SampleStore, (self._file,)

    def add(self, x: np.ndarray) -> np.ndarray:
        """Adds samples, all or none.

        Args:
            x: Array of shape `(n, ...)` of numbers, strings, or records, or
                `VaryingSamples`.

        Returns:
            Array of int64 of shape `(n,)`, their rows.
        """
        with self._writing() as db:
            layouts = _layouts_of(db, x)
            first = _last_row(db) + 1
            values = long_progress.steps_of(
                _values(x, first, layouts, time.time()),
                "storing exemplars",
                len(x),
                "exemplar",
            )
            db.executemany("INSERT INTO samples VALUES (?, ?, ?, ?)", values)
        return np.arange(first, first + len(x))

    def read(self, rows: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Returns samples that are stored in one way together.

        Args:
            rows: Array of ints.

        Returns:
            List of tuples: positions in `rows`, and an array of the samples
            there.

        Raises:
            ValueError: if a row is not there any more.
        """
        ordered, where = np.unique(rows, return_inverse=True)
        found = [
            row
            for query, part in _queries(SELECT, ordered)
            for row in self._query(query, part)
        ]
        if len(found) < len(ordered):
            raise self._lost(ordered)
        layouts, contents = zip(*found, strict=True)
        if layouts.count(layouts[0]) == len(layouts):
            x = self._decoded(contents, layouts[0])
            return [(np.arange(len(rows)), x[where])]
        kinds = np.array(layouts)[where]
        order = np.argsort(kinds, kind="stable")
        edges = np.flatnonzero(np.diff(kinds[order])) + 1
        return [
            (
                places,
                self._decoded(
                    [contents[k] for k in where[places]], int(kinds[places[0]])
                ),
            )
            for places in np.split(order, edges)
        ]

    def delete(self, rows: Sequence[int] | np.ndarray, forgotten: bool) -> None:
        """Deletes rows, and overwrites what they held.

        Args:
            rows: Ints. Those that are not there are passed over.
            forgotten: Bool. Whether files of memories that have them may be
                read without them.
        """
        values = [(int(row), int(forgotten)) for row in rows]
        with self._writing() as db:
            db.executemany(
                "INSERT OR IGNORE INTO deleted VALUES (?, ?)", values
            )
            db.executemany(
                "DELETE FROM samples WHERE row = ?", [v[:1] for v in values]
            )
        with self._lock, self._naming_errors():
            self._connection().execute("PRAGMA incremental_vacuum").fetchall()

    def deleted(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the rows that were forgotten, and all that were deleted."""
        found = self._query("SELECT row, forgotten FROM deleted")
        rows = np.array(found, "int64").reshape(-1, 2)
        return rows[rows[:, 1] == 1, 0], rows[:, 0]

    def others(self, rows: np.ndarray) -> np.ndarray:
        """Returns the rows of the file that are not among these."""
        all_rows = self._query("SELECT row FROM samples")
        return np.setdiff1d(np.array(all_rows, "int64").ravel(), rows)

    def last_row(self) -> int:
        """Returns the highest row that there ever was."""
        with self._lock, self._naming_errors():
            return _last_row(self._connection())

    def num_values(self, rows: np.ndarray) -> int:
        """Returns how many numbers the samples of some rows have in all."""
        select = "SELECT row, layout FROM samples"
        return sum(
            math.prod(self._layout(layout)[1])
            for query, part in _queries(select, rows)
            for _, layout in self._query(query, part)
        )

    def seconds(self, rows: np.ndarray) -> np.ndarray:
        """Returns the time at which rows were added, in seconds of Unix."""
        found: dict[int, float] = {}
        select = "SELECT row, added FROM samples"
        for query, part in _queries(select, np.unique(rows)):
            found.update(self._query(query, part))
        return np.array([found.get(row, np.nan) for row in rows.tolist()])

    def _lost(self, rows):
        """The error for rows of which some are not there any more."""
        found = [
            row
            for query, part in _queries("SELECT row FROM samples", rows)
            for (row,) in self._query(query, part)
        ]
        missing = np.setdiff1d(rows, found)
        return ValueError(
            "Exemplars were deleted from their file by `forget` or `prune`. "
            f"Received: path='{self.path}', without rows "
            f"{missing[:5].tolist()}. Load the newest file of the classifier."
        )

    def _decoded(self, contents, layout):
        dtype, shape = self._layout(layout)
        size = dtype.itemsize * math.prod(shape)
        if {*map(len, contents)} != {size}:
            contents = [_unpacked(each, size, self.path) for each in contents]
        x = np.frombuffer(b"".join(contents), dtype)
        return x.reshape(len(contents), *shape)

    def _layout(self, layout):
        if layout not in self._layouts:
            query = "SELECT layout FROM layouts WHERE rowid = ?"
            ((text,),) = self._query(query, (layout,))
            self._layouts[layout] = layout_from(text)
        return self._layouts[layout]

    def _query(self, text, values=()):
        with self._lock, self._naming_errors():
            return self._connection().execute(text, values).fetchall()

    def _connection(self):
        # A connection must not be used in a process that was forked.
        process = os.getpid()
        if process not in self._connections:
            self._connections[process] = sqlite3.connect(
                self._file,
                timeout=PATIENCE,
                isolation_level=None,
                check_same_thread=False,
            )
            for option, value in OPTIONS:
                self._connections[process].execute(f"PRAGMA {option} = {value}")
        return self._connections[process]

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._naming_errors():
            db = self._connection()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _naming_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise OSError(
                _errno_of(error),
                f"Exemplars cannot be read or written: {error}. Received: "
                f"path='{self.path}'. Make room on the disk, wait for other "
                "processes that write to the file, or choose another path",
            ) from error
        except sqlite3.DatabaseError as error:
            raise DamagedFileError(
                self.path, "file of exemplars", error
            ) from error


def layout_text(dtype: DTypeLike, shape: Shape) -> str:
    """Returns the dtype and the shape of a sample as JSON.

    Axes that differ between samples are `None`.
    """
    described = np.lib.format.dtype_to_descr(np.dtype(dtype))
    return json.dumps([described, list(shape)])


def layout_from(text: str) -> tuple[np.dtype, Any]:
    """Returns the dtype and the shape of a sample that JSON tells."""
    described, shape = json.loads(text)
    shape = tuple(None if size is None else int(size) for size in shape)
    return np.dtype(_tuples(described)), shape


def _tuples(described: Any):
    """Returns fields of a dtype as NumPy takes them."""
    if not isinstance(described, list):
        return described
    return [
        (name, _tuples(kind), *map(tuple, shape))
        for name, kind, *shape in described
    ]


def _opened(db):
    """Makes the tables of an empty file, and returns its identity."""
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (tables,) = db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    if application != APPLICATION and tables:
        raise sqlite3.DatabaseError("it holds other tables")
    if application != APPLICATION:
        db.execute(f"PRAGMA page_size = {PAGE}")
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        # Another process may have made it meanwhile.
        db.execute("BEGIN IMMEDIATE")
        for statement in TABLES:
            db.execute(statement)
        if db.execute("SELECT uuid FROM store").fetchone() is None:
            db.execute("INSERT INTO store VALUES (?)", (uuid.uuid4().hex,))
        db.execute("COMMIT")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version != FORMAT:
        raise sqlite3.DatabaseError(f"it has the format {version}")
    return db.execute("SELECT uuid FROM store").fetchone()[0]


def _close(connections):
    own = connections.pop(os.getpid(), None)
    if own is not None:
        own.close()


def _last_row(db):
    query = "SELECT seq FROM sqlite_sequence WHERE name = 'samples'"
    found = db.execute(query).fetchone()
    return 0 if found is None else found[0]


def _layouts_of(db, x):
    """Returns an iterator of the layout of each sample."""
    if not varying.is_varying(x):
        return itertools.repeat(_layout_of(db, x.dtype, x.shape[1:]))
    known = {
        shape: _layout_of(db, x.dtype, shape)
        for shape in {sample.shape for sample in x}
    }
    return iter([known[sample.shape] for sample in x])


def _layout_of(db, dtype, shape):
    text = layout_text(dtype, shape)
    db.execute("INSERT OR IGNORE INTO layouts VALUES (?)", (text,))
    query = "SELECT rowid FROM layouts WHERE layout = ?"
    return db.execute(query, (text,)).fetchone()[0]


def _values(x, first, layouts, seconds):
    """Yields what is inserted, without a copy of all samples."""
    for rows in large_arrays.slices(x, AT_ONCE):
        part = x[rows]
        if varying.is_varying(part):
            contents = [sample.tobytes() for sample in part]
        else:
            # A string alone would lose the zeros that it ends in.
            contents = [part[k : k + 1].tobytes() for k in range(len(part))]
        shrinks = any(_packed(each) is not each for each in contents[:TRIED])
        for content in contents:
            packed = _packed(content) if shrinks else content
            yield first, next(layouts), seconds, packed
            first += 1


def _packed(content):
    """Returns bytes, compressed where that halves them.

    Photographs lose a quarter only, and would be read in four times the time.
    """
    small = zlib.compress(content, 1)
    return small if 2 * len(small) <= len(content) else content


def _unpacked(content, size, path):
    if len(content) == size:
        return content
    try:
        # No more than its size, whatever the file claims.
        whole = zlib.decompressobj().decompress(content, size + 1)
    except zlib.error as error:
        raise DamagedFileError(path, "file of exemplars", error) from error
    if len(whole) != size:
        reason = f"a sample of {len(whole)} bytes, not {size}"
        raise DamagedFileError(path, "file of exemplars", reason)
    return whole


def _queries(select, rows):
    """Yields queries of some rows each, and their values.

    SQLite compiles a query once for each number of values, so there are few
    of these numbers, and NULL where no row is left.
    """
    for start in range(0, len(rows), ROWS):
        part = rows[start : start + ROWS].tolist()
        size = next(n for n in SIZES if n >= len(part))
        values = ",".join("?" * size)
        query = f"{select} WHERE row IN ({values}) ORDER BY row"
        yield query, part + [None] * (size - len(part))


def _errno_of(error):
    text = str(error)
    return next((n for part, n in ERRNOS.items() if part in text), errno.EIO)
