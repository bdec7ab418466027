"""A million exemplars in a file, beside as many in memory.

    python -m examples.benchmarks.exemplars_on_disk
    python -m examples.benchmarks.exemplars_on_disk --count 100000

Random pictures of 32 x 32 in color are given to an `ExemplarMemory` with a
`path` in updates of 4,000, in a process of its own. Another process has as
many in an array. Both make batches: those of `mix`, with 48 new samples and 16
exemplars, and 64 exemplars alone; and both train a small network on 100 batches
of `mix`. The floor of what lies in a file is to read as many bytes of it as 64
exemplars have, at random places, without looking for them; `SQLite alone` looks
for them too, and makes no batch of them. The peak, of all but
this training, is above the process before the memory was made. Times are those
of the processor, so that a busy machine does not count; the file lies in the
cache of the system as far as that has room.
"""

import argparse
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time

import keras
import numpy as np

import keras_incremental as ki
from keras_incremental.memory.exemplars import COLUMNS
from keras_incremental.memory.exemplars import Exemplars

from .peak_memory import PeakMemory

UPDATE, CLASS, BATCH, NEW, BATCHES = 4_000, 1_000, 64, 48, 1_000
STEPS = 100
PLACES = ("memory", "file")


def pictures(count, seed):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (count, 32, 32, 3), "uint8")


def run(place, count, folder):
    """Returns the figures of one place."""
    new = pictures(NEW * BATCHES, count)
    peak, started = PeakMemory(), time.process_time()
    memory = filled(place, count, folder)
    figures = {"seconds to fill": time.process_time() - started}
    y = np.zeros(len(new), int)
    mixed = memory.mix(new, y, batch_size=NEW)
    figures["ms of a mixed batch"] = milliseconds(mixed.__getitem__)
    generator = np.random.default_rng(0)
    rows = generator.integers(0, count, (BATCHES, BATCH))
    exemplars = memory.snapshot().x
    figures["ms of exemplars alone"] = milliseconds(
        lambda k: exemplars[rows[k]].astype("float32")
    )
    saved = pathlib.Path(folder) / "memory.npz"
    if place == "file":
        read = bare_reads(memory.path, rows / count)
        figures["ms of SQLite alone"] = milliseconds(
            bare_query(exemplars, rows)
        )
        figures["ms of as many bytes"] = milliseconds(read)
        memory.save(saved)
        figures["MB of a saved memory"] = saved.stat().st_size / 1e6
        figures["MB of the file"] = os.path.getsize(memory.path) / 1e6
    figures["MB of memory more"] = peak.megabytes
    figures["ms of a step of `fit`"] = milliseconds_of_fit(memory, new)
    return figures


def filled(place, count, folder):
    """Returns a memory of so many exemplars."""
    if place == "memory":
        memory = ki.ExemplarMemory(CLASS, True, "random")
        memory.restore(
            Exemplars(
                x=pictures(count, 0),
                y=np.repeat(np.arange(count // CLASS), CLASS),
                **{n: np.arange(count) for n in ("ids", "keys")},
                **{n: np.zeros(count, int) for n in COLUMNS[2:]},
                dtype=np.dtype("uint8"),
            )
        )
        return memory
    path = pathlib.Path(folder) / "exemplars"
    memory = ki.ExemplarMemory(CLASS, True, "random", path=path)
    labels = np.repeat(np.arange(UPDATE // CLASS), CLASS)
    for start in range(0, count, UPDATE):
        memory.update(pictures(UPDATE, start), labels + start // CLASS)
    return memory


def milliseconds(read):
    """Returns the time of one call on the processor."""
    started = time.process_time()
    for k in range(BATCHES):
        read(k)
    return 1e3 * (time.process_time() - started) / BATCHES


def bare_reads(path, places):
    """Returns a function that reads batches of a file at random places."""
    size = 32 * 32 * 3
    starts = (places * (os.path.getsize(path) - size)).astype(int)
    file = os.open(path, os.O_RDONLY)

    def read(k):
        parts = [os.pread(file, size, start) for start in starts[k].tolist()]
        return np.frombuffer(b"".join(parts), "uint8").astype("float32")

    return read


def bare_query(exemplars, rows):
    """Returns a function that lets SQLite find exemplars and copy them."""
    db = sqlite3.connect(exemplars.store.path)
    values = [exemplars.rows[each].tolist() for each in rows]
    places = ",".join("?" * BATCH)
    query = f"SELECT x FROM samples WHERE row IN ({places}) ORDER BY row"
    return lambda k: db.execute(query, values[k]).fetchall()


def milliseconds_of_fit(memory, new):
    """Returns the time of a training step, after those that compile."""
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(max(memory.classes) + 1),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    part = new[: STEPS * NEW].astype("float32")
    batches = memory.mix(part, np.zeros(len(part), int), batch_size=NEW)
    model.train_on_batch(*batches[0])
    started = time.process_time()
    model.fit(batches, shuffle=False, verbose=0)
    return 1e3 * (time.process_time() - started) / STEPS


def figures_of(place, count, folder):
    """Returns what `run` returns in a fresh process."""
    command = [sys.executable, "-m", __spec__.name, "--count", str(count)]
    command += ["--here", place, folder]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


def main(arguments=None):
    """Prints the table."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.benchmarks.exemplars_on_disk",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--here", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.here:
        place, folder = options.here
        print(json.dumps(run(place, options.count, folder)))
        return
    with tempfile.TemporaryDirectory() as folder:
        memory, file = (
            figures_of(place, options.count, folder) for place in PLACES
        )
    print(f"{options.count:,} exemplars of 32 x 32 x 3")
    print("\n| | memory | file | ratio |\n|---|---|---|---|")
    for name, value in file.items():
        floor = memory.get(name)
        row = f"| {name} | {'' if floor is None else f'{floor:.2f}'} | "
        ratio = f"{value / floor:.2f}" if floor and "ms" in name else ""
        print(f"{row}{value:.2f} | {ratio} |")


if __name__ == "__main__":
    main()
