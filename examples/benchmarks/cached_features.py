"""What it saves to keep the features of frozen layers in a folder.

    python -m examples.benchmarks.cached_features
    python -m examples.benchmarks.cached_features --count 200

A classifier on a frozen MobileNetV2 of random weights learns a class, and
names other pictures or calls them unknown; its features go to a
`FeatureFolder`. Another process does the same with the same pictures, and
finds them there. The floor of the first is the forward pass of the frozen
layers; that of the other is to read the files and to compute the keys that
samples are found by. Tracing is not counted, where batches are full. Times are
those of the processor, so that a busy machine does not count.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import keras
import numpy as np

import keras_incremental as ki
from keras_incremental.data.feature_cache import keys_of

SIZE, OLD, BATCH = 96, 64, 32
PROCESSES = ("first", "again")
LEARN, NAME = "`learn` of {}", "`predict_names` of {}"
FORWARD, READ, KEYS = "forward pass of {}", "files of {}", "keys of {}"


def pictures(count, seed):
    """Returns random pictures."""
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (count, SIZE, SIZE, 3), "uint8")


def classifier(folder):
    """Returns a classifier that knows two classes, and is traced."""
    keras.utils.set_random_seed(0)
    network = keras.applications.MobileNetV2(
        (SIZE, SIZE, 3), weights=None, include_top=False, pooling="avg"
    )
    network.trainable = False
    inputs = keras.Input((SIZE, SIZE, 3))
    x = network(keras.layers.Rescaling(1 / 127.5, -1)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2)(x))
    clf = ki.IncrementalClassifier(
        model, ["cat", "dog"], cache_features=ki.data.FeatureFolder(folder)
    )
    # Other pictures in each process, so that both trace.
    old = pictures(OLD, time.time_ns())
    clf.remember(old, np.arange(OLD) % 2, verbose=0)
    clf.predict_names(old, unknown="unknown")
    return clf


def run(process, count, folder):
    """Returns the figures of one process."""
    clf = classifier(folder)
    new, others = pictures(count, 0), pictures(count, 1)
    figures = {
        LEARN: seconds(clf.learn, new, classes=["bird"], verbose=0),
        NAME: seconds(clf.predict_names, others, unknown="unknown"),
    }
    if process == "first":
        predict = clf.features.predict
        predict(others[:OLD], BATCH, 0)
        figures[FORWARD] = seconds(predict, new, BATCH, 0)
    else:
        figures[READ] = seconds(read, folder)
        figures[KEYS] = seconds(keys_of, new)
    return figures


def read(folder):
    """Reads all files of a folder."""
    return [p.read_bytes() for p in pathlib.Path(folder).glob("*/*/*.npy")]


def seconds(call, *args, **options):
    """Returns how long a call takes on the processor."""
    started = time.process_time()
    call(*args, **options)
    return time.process_time() - started


def figures_of(process, count, folder):
    """Returns what `run` returns in a fresh process."""
    command = [sys.executable, "-m", __spec__.name, "--count", str(count)]
    command += ["--here", process, folder]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


def main(arguments=None):
    """Prints the table."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.benchmarks.cached_features",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=1024)
    parser.add_argument("--here", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.here:
        process, folder = options.here
        print(json.dumps(run(process, options.count, folder)))
        return
    with tempfile.TemporaryDirectory() as folder:
        first, again = (
            figures_of(process, options.count, folder) for process in PROCESSES
        )
    print(text_of(options.count, first, again))


def text_of(count, first, again):
    """Returns the table of the figures of two processes."""
    lines = [
        f"Pictures of {SIZE} x {SIZE} x 3, and features of 1,280 numbers\n",
        "| seconds | computed | found | ratio |\n|---|---|---|---|",
    ]
    for name in (LEARN, NAME):
        ratio = f"{again[name] / first[name]:.3f}"
        lines.append(
            f"| {name.format(f'{count:,}')} | {first[name]:.2f} | "
            f"{again[name]:.2f} | {ratio} |"
        )
    lines.append(
        f"| {FORWARD.format(f'{count:,}')} | {first[FORWARD]:.2f} | | |"
    )
    lines += [
        f"| {name.format(f'{size:,}')} | | {again[name]:.3f} | |"
        for name, size in ((READ, 2 * count), (KEYS, count))
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
