"""What it costs to learn from a pipeline of more pictures than memory holds.

    python -m examples.benchmarks.large_data
    python -m examples.benchmarks.large_data --count 2000 --roads solved
    python -m examples.benchmarks.large_data --roads predict trained

A generator of random pictures is given to `predict` of a frozen network, and
to `learn` in several ways, each in a process of its own; `collected` makes one
array of all pictures before. The network is one convolution: memory is what is
measured. The first row is the floor. `trained`, which is longer and so has to
be named, trains the convolution too, in two epochs that read the pictures.
"""

import argparse
import functools
import subprocess
import sys
import time

import keras
import numpy as np

import keras_incremental as ki

from .peak_memory import PeakMemory

BATCH, FEATURES, PATCH = 32, 1280, 16
ROADS = ("predict", "solved", "exemplars", "collected")
TRAINED = "trained"


def pictures(count, size):
    """Yields batches of random pictures, as floats from 0 to 255."""
    generator = np.random.default_rng(0)
    for start in range(0, count, BATCH):
        shape = min(BATCH, count - start), size, size, 3
        yield generator.integers(0, 256, shape, "uint8").astype("float32")


def network(size, trainable=False):
    """A network of one convolution, and a classifier of two classes on it."""
    inputs = keras.Input((size, size, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(FEATURES, PATCH, PATCH, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    features = keras.Model(inputs, x)
    features.trainable = trainable
    return keras.Model(inputs, keras.layers.Dense(2)(features.output))


def run(road, count, size):
    """Returns seconds and megabytes of one road."""
    model = network(size, road == TRAINED)
    if road == "predict":
        memory, started = PeakMemory(), time.perf_counter()
        for batch in pictures(count, size):
            model.predict_on_batch(batch)
        return time.perf_counter() - started, memory.megabytes
    keeps = road in ("exemplars", TRAINED)
    exemplars = ki.ExemplarMemory(200) if keeps else None
    clf = ki.IncrementalClassifier(model, ["cat", "dog"], memory=exemplars)
    (old,) = pictures(BATCH, size)
    clf.remember(old, np.arange(BATCH) % 2)
    memory, started = PeakMemory(), time.perf_counter()
    new = pictures(count, size)
    if road == "collected":
        new = collected(new, count, size)
    epochs = None
    if road == TRAINED:
        new, epochs = functools.partial(pictures, count, size), 2
    clf.learn(new, classes=["bird"], epochs=epochs, verbose=0)
    return time.perf_counter() - started, memory.megabytes


def collected(batches, count, size):
    """Returns an array of all pictures, which are in memory once."""
    x = np.empty((count, size, size, 3), "uint8")
    for k, batch in enumerate(batches):
        x[k * BATCH : (k + 1) * BATCH] = batch
    return x


def row_of(road, count, size):
    """Returns the figures of a road, measured in a fresh process."""
    command = [sys.executable, "-m", __spec__.name, "--count", str(count)]
    command += ["--size", str(size), "--here", road]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return tuple(map(float, done.stdout.split()[-2:]))


def main(arguments=None):
    """Prints the table."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.benchmarks.large_data",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=30_000)
    parser.add_argument("--size", type=int, default=224)
    every = (*ROADS, TRAINED)
    parser.add_argument("--roads", nargs="+", choices=every, default=ROADS)
    parser.add_argument("--here", choices=every, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.here:
        print(*run(options.here, options.count, options.size))
        return
    raw = options.count * options.size**2 * 3 / 1e6
    print(f"{options.count:,} pictures, {raw:,.0f} MB as bytes")
    print("\n| | seconds | MB of memory more |\n|---|---|---|")
    for road in options.roads:
        seconds, used = row_of(road, options.count, options.size)
        print(f"| {road} | {seconds:.1f} | {used:.0f} |", flush=True)


if __name__ == "__main__":
    main()
