"""Where a million exemplars may lie: engines and encodings, measured.

    python -m examples.benchmarks.sample_stores
    python -m examples.benchmarks.sample_stores --kills 20

Crops of photographs, 32 x 32 in color, are written and read at random, 64 at
a time, as a batch of a memory reads them. Times are those of the processor,
so that a busy machine does not count; the files lie in the cache of the
system. `lmdb`, `array_record` and Pillow are measured where they are
installed, scikit-learn has the photographs.

With `--kills`, a process that adds 5,000 samples in one call is killed as
often, each time a little later, and the store is read after each: it has all
of a call or nothing of it.
"""

import argparse
import functools
import importlib.util
import io
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import zlib

import numpy as np

from keras_incremental.memory.sample_store import SampleStore

SIZE, BATCH, BATCHES, ADDED = 32, 64, 200, 5_000


def pictures(count):
    """Crops of two photographs, at half their size."""
    from sklearn.datasets import load_sample_images

    photographs = load_sample_images().images
    generator = np.random.default_rng(0)
    x = np.empty((count, SIZE, SIZE, 3), "uint8")
    for k in range(count):
        whole = photographs[k % 2]
        top, left = (generator.integers(n - 2 * SIZE) for n in whole.shape[:2])
        x[k] = whole[top:, left:][: 2 * SIZE : 2, : 2 * SIZE : 2]
    return x


class Memory:
    """The floor: an array in memory."""

    def __init__(self, folder, x):
        self._x = x

    def read(self, rows):
        return self._x[rows]


class Sqlite:
    """The store of the package."""

    def __init__(self, folder, x):
        self._store = SampleStore(folder / "sqlite")
        self._first = self._store.add(x)[0]

    def read(self, rows):
        ((places, x),) = self._store.read(rows + self._first)
        return x


class Lmdb:
    """A file of pages that is mapped to memory."""

    def __init__(self, folder, x):
        import lmdb

        self._shape = x.shape[1:]
        room = 2 * x.nbytes + 2**24
        self._file = lmdb.open(str(folder / "lmdb"), room, subdir=False)
        with self._file.begin(write=True) as change:
            for k, sample in enumerate(x):
                change.put(k.to_bytes(8, "big"), sample.tobytes(), append=True)

    def read(self, rows):
        with self._file.begin(buffers=True) as reader:
            keys = (row.to_bytes(8, "big") for row in rows.tolist())
            found = b"".join(reader.get(key) for key in keys)
        return np.frombuffer(found, "uint8").reshape(-1, *self._shape)


class ArrayRecord:
    """Records that are read in any order, and written once."""

    def __init__(self, folder, x):
        from array_record.python import array_record_module as module

        self._shape = x.shape[1:]
        path = str(folder / "array_record")
        writer = module.ArrayRecordWriter(path, "group_size:1")
        for sample in x:
            writer.write(sample.tobytes())
        writer.close()
        self._reader = module.ArrayRecordReader(path)

    def read(self, rows):
        found = b"".join(self._reader.read(rows.tolist()))
        return np.frombuffer(found, "uint8").reshape(-1, *self._shape)


ENGINES = {
    "memory": (Memory, None),
    "SQLite": (Sqlite, None),
    "LMDB": (Lmdb, "lmdb"),
    "ArrayRecord": (ArrayRecord, "array_record"),
}


def png(sample):
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(sample).save(file, "png")
    return file.getvalue()


def from_png(content):
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(content)))


ENCODINGS = {
    "bytes": (np.ndarray.tobytes, lambda content: content),
    "zlib 1": (lambda x: zlib.compress(x.tobytes(), 1), zlib.decompress),
    "zlib 6": (lambda x: zlib.compress(x.tobytes(), 6), zlib.decompress),
    "PNG": (png, from_png),
}


def microseconds(function, items, rows=1):
    """Returns the time of one row, and what the function gave."""
    start = time.process_time()
    found = [function(item) for item in items]
    spent = time.process_time() - start
    return 1e6 * spent / (rows * len(items)), found


def engine_rows(x):
    """Yields the figures of each engine that is installed."""
    generator = np.random.default_rng(1)
    order = generator.permutation(len(x))[: BATCH * BATCHES]
    batches = order.reshape(-1, BATCH)
    for name, (make, package) in ENGINES.items():
        if package and importlib.util.find_spec(package) is None:
            yield name, "not installed", "", ""
            continue
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            written, (engine,) = microseconds(
                functools.partial(make, folder), [x], len(x)
            )
            read, found = microseconds(engine.read, batches, BATCH)
            assert np.array_equal(np.concatenate(found), x[order])
            size = sum(file.stat().st_size for file in folder.iterdir())
        yield name, f"{written:.1f}", f"{read:.1f}", f"{size / len(x):.0f}"


def encoding_rows(x):
    """Yields the figures of each encoding of single samples."""
    for name, (encode, decode) in ENCODINGS.items():
        if name == "PNG" and importlib.util.find_spec("PIL") is None:
            yield name, "not installed", "", ""
            continue
        written, found = microseconds(encode, x)
        read, _ = microseconds(decode, found)
        size = np.mean([len(content) for content in found])
        yield name, f"{written:.1f}", f"{read:.1f}", f"{size:.0f}"


def kill(path, seconds):
    """Kills a process that adds samples, and returns how many it added."""
    before = SampleStore(path).last_row()
    command = [sys.executable, "-m", __spec__.name, "--add-to", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    process.stdout.readline()
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    store = SampleStore(path)
    added = store.last_row() - before
    if added:
        store.read(np.arange(before, before + added) + 1)
    return added


def print_kills(count):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "store"
        added = [kill(path, k * 0.3 / count) for k in range(count)]
    whole = sum(n % ADDED == 0 for n in added)
    nothing = added.count(0)
    print(
        f"{count} kills: {nothing} left nothing of a call, {whole - nothing} "
        f"all of it, {count - whole} a part"
    )


def main(arguments=None):
    """Prints the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.benchmarks.sample_stores",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--add-to", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.add_to:
        x = np.random.default_rng().integers(0, 256, (ADDED, 3072), "uint8")
        store = SampleStore(options.add_to)
        print(os.getpid(), flush=True)
        store.add(x)
        return
    if options.kills:
        print_kills(options.kills)
        return
    x = pictures(options.count)
    print(f"{len(x):,} pictures of {x[0].nbytes} bytes")
    for title, rows in (
        ("engine", engine_rows(x)),
        ("encoding", encoding_rows(x[:5000])),
    ):
        print(f"\n| {title} | µs to write | µs to read | bytes |")
        print("|---|---|---|---|")
        for row in rows:
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
