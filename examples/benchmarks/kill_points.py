"""Kills a process while it saves a classifier, again and again.

    python -m examples.benchmarks.kill_points --points 200

At each point a process saves a classifier over its own file, and is killed at
a random call of a function, every second time at one of the last. After it the
file must open as the classifier that was saved last, or as the new one, and
the next save must leave nothing else in the folder.
"""

import argparse
import os
import pathlib
import random
import signal
import sys
import tempfile
import zipfile

import keras
import numpy as np

import keras_incremental as ki

# Calls before the end of a save, among which the file is renamed.
LAST = 100


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "clf.keras"
        counted = kill_at_points(path, options.points, options.seed)
    print(" ".join(f"{name}={count}" for name, count in counted.items()))


def kill_at_points(path, points, seed):
    """Returns how many kills left the old file, the new one, and leftovers.

    Raises:
        AssertionError: if the file is neither, or leftovers stay.
    """
    clf = _classifier()
    clf.save(path)
    calls = _calls_of_a_save(clf, path)
    generator = random.Random(seed)
    counted = {"old": 0, "new": 0, "leftovers": 0}
    for phases in range(2, points + 2):
        clf.num_phases = phases
        first = calls - LAST if phases % 2 else 1
        _save_and_die(clf, path, generator.randint(first, calls))
        counted["leftovers"] += len(os.listdir(path.parent)) > 1
        loaded = keras.models.load_model(path)
        assert loaded.num_phases in (phases - 1, phases)
        assert zipfile.ZipFile(path).testzip() is None
        assert len(loaded.memory) == len(clf.memory)
        counted["new" if loaded.num_phases == phases else "old"] += 1
        clf.save(path)
        assert os.listdir(path.parent) == [path.name]
    return counted


def _classifier():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)])
    clf = ki.IncrementalClassifier(model, ["a", "b"], ki.ExemplarMemory(40))
    x = np.random.default_rng(0).normal(size=(40, 8)).astype("float32")
    clf.remember(x, np.arange(40) % 2)
    clf.num_phases = 1
    return clf


def _calls_of_a_save(clf, path):
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    clf.save(path)
    sys.setprofile(None)
    return calls


def _save_and_die(clf, path, last):
    """Saves in another process, which is killed at a call."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    calls = 0

    def die(frame, event, argument):
        nonlocal calls
        calls += event in ("call", "c_call")
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(die)
    clf.save(path)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
