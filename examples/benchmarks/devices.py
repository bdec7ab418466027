"""What two devices learn and take, beside one device.

    KERAS_BACKEND=tensorflow python -m examples.benchmarks.devices
    KERAS_BACKEND=jax python -m examples.benchmarks.devices
    KERAS_BACKEND=tensorflow python -m examples.benchmarks.devices --workers

The two devices are halves of the processor, so that nothing becomes faster:
the times show what it costs to divide the work. Each row has the largest
difference of a weight and of a logit, and the time over that of one device;
its floor is one device once more. The last batch of an epoch is odd.

`--workers` starts two processes of a `MultiWorkerMirroredStrategy` on this
machine. `fit` of Keras does not run there, so what trains must be refused.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import socket
import subprocess
import sys
import time

import keras
import numpy as np

from keras_incremental import IncrementalClassifier
from keras_incremental import Reservoir
from keras_incremental import recipes

DIM, OLD, COUNT = 64, 6, 101
CENTERS = np.random.default_rng(0).normal(size=(8, DIM))
# Recipe, whether the network below the head trains, and epochs, if any.
ROADS = {
    "head solved": (lambda: None, False, None),
    "streaming LDA": (recipes.slda, False, None),
    "head trained, exemplars": (lambda: recipes.er(budget=60), False, 3),
    "network, exemplars": (lambda: recipes.er(budget=60), True, 3),
    "network, EWC": (recipes.ewc, True, 3),
    "network, LwF": (recipes.lwf, True, 3),
    "stream, reservoir": (
        lambda: recipes.er(memory=Reservoir(60)),
        False,
        None,
    ),
}
TITLE = f"{'road':<26}{'weights':>10}{'logits':>10}{'time':>7}   floor"


def samples(classes, count=COUNT, seed=0):
    """Returns normal samples around a center for each class, and labels."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(classes, count)
    noise = generator.normal(size=(len(labels), DIM))
    return (CENTERS[labels] + noise).astype("float32"), labels


TEST, _ = samples(range(8), 20, seed=9)


def classifier(name):
    """Returns a new classifier of six classes for a road."""
    keras.utils.set_random_seed(0)
    recipe, trainable, _ = ROADS[name]
    layer = keras.layers.Dense(128, "relu", trainable=trainable)
    model = keras.Sequential(
        [keras.Input((DIM,)), layer, keras.layers.Dense(OLD)]
    )
    return IncrementalClassifier(
        model, [f"class {k}" for k in range(OLD)], recipe=recipe()
    )


def learn(clf, name):
    """Lets a classifier learn two more classes, by its road."""
    clf.remember(*samples(range(OLD)))
    for label in (6, 7):
        x, _ = samples([label], seed=label)
        names = [f"class {label}"] * len(x)
        if name.startswith("stream,"):
            batches = [(x[k : k + 32], names[k : k + 32]) for k in (0, 32, 64)]
            clf.observe(iter(batches), verbose=0)
        else:
            epochs = ROADS[name][-1]
            clf.learn(x, classes=names[:1], verbose=0, epochs=epochs)


@dataclasses.dataclass
class Learned:
    """What a classifier has learned, and the seconds that it took."""

    weights: list
    logits: np.ndarray
    seconds: float

    def distances(self, other):
        """Returns the largest difference of a weight and of a logit."""
        pairs = zip(self.weights, other.weights, strict=True)
        weights = max(np.abs(a - b).max() for a, b in pairs)
        return weights, np.abs(self.logits - other.logits).max()


def measured(name, scope=contextlib.nullcontext):
    """Returns what a road gives on the devices of a scope."""
    with scope():
        clf = classifier(name)
    start = time.perf_counter()
    learn(clf, name)
    seconds = time.perf_counter() - start
    return Learned(
        clf.get_weights(), clf.predict(TEST, batch_size=50, verbose=0), seconds
    )


def row(name, scope):
    """Returns a row of the table."""
    one, again, two = measured(name), measured(name), measured(name, scope)
    found = two.distances(one), two.seconds / one.seconds
    floor = again.distances(one), again.seconds / one.seconds
    numbers = "{:>10.1e}{:>10.1e}{:>7.2f}".format(*found[0], found[1])
    return f"{name:<26}{numbers}   " + "{:.1e} {:.1e} {:.2f}".format(
        *floor[0], floor[1]
    )


def two_devices():
    """Returns the scope of two halves of this processor."""
    if keras.config.backend() == "jax":
        import jax

        jax.config.update("jax_num_cpu_devices", 2)
        return keras.distribution.DataParallel().scope
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    logical = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [logical, logical])
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope


def workers(names):
    """Starts two processes that know of each other, and prints the first."""
    command = [sys.executable, "-m", "examples.benchmarks.devices"]
    command += ["--worker", "--only", *names]
    with contextlib.ExitStack() as stack:
        places = [stack.enter_context(socket.socket()) for _ in range(2)]
        for place in places:
            place.bind(("127.0.0.1", 0))
        ports = [place.getsockname()[1] for place in places]
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    started = []
    for index in range(2):
        task = {"type": "worker", "index": index}
        config = json.dumps({"cluster": cluster, "task": task})
        output = None if index == 0 else subprocess.DEVNULL
        started.append(
            subprocess.Popen(
                command,
                env={**os.environ, "TF_CONFIG": config},
                stdout=output,
            )
        )
    return max(process.wait() for process in started)


def work(names):
    """Learns as one of several workers."""
    import tensorflow as tf

    # Before any operation runs.
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    print(f"{strategy.num_replicas_in_sync} workers\n{TITLE}", flush=True)
    measured(next(iter(ROADS)))
    for name in names:
        try:
            print(row(name, strategy.scope), flush=True)
        except ValueError as error:
            print(f"{name:<26}refused: {str(error)[:40]}...", flush=True)


def main(arguments=None):
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--workers", action="store_true")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--only", nargs="+", choices=ROADS, default=[*ROADS])
    options = parser.parse_args(arguments)
    if options.workers:
        return workers(options.only)
    if options.worker:
        return work(options.only)
    scope = two_devices()
    print(f"{keras.config.backend()}, {keras.version()}\n{TITLE}", flush=True)
    measured(next(iter(ROADS)))
    for name in options.only:
        print(row(name, scope), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
