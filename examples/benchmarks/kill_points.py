"""Kills a run of three phases at random points, and goes on from its file.

    python -m examples.benchmarks.kill_points --points 200

A process learns three phases with a large memory, and saves after each. It is
killed in one of the phases or saves: at a random moment, or at a random call
of a function, every second time at one of the last. Another process goes on
from the file that it finds, to the end. Each file that is found and each end
must be that of a run without kills, to the bit, and each save must leave
nothing else in the folder.
"""

import argparse
import collections
import functools
import hashlib
import itertools
import json
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import threading
import time

import keras
import numpy as np

import keras_incremental as ki

from .trust import state_of

PHASES, DIM = 3, 64
# Calls before the end of a save, among which the file is renamed.
LAST = 100
# Where a process is killed, in turn.
POINTS = (("phase", "moment"), ("save", "call"), ("save", "moment"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--exemplars", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # Keras leaves folders with exemplars there, if it is killed.
        tempfile.tempdir = folder
        counted = kill_at_points(pathlib.Path(folder), options)
    print(" ".join(f"{name}={count}" for name, count in counted.items()))


def kill_at_points(folder, options):
    """Returns how many were killed where, and what they have left.

    Raises:
        AssertionError: if a file or an end is not that of a run without kills.
    """
    path = folder / "run" / "clf.keras"
    path.parent.mkdir()
    whole = in_another_process(measure, path, options.exemplars)
    seconds = {name: round(sum(whole[name]), 2) for name in ("phase", "save")}
    print("seconds of the run:", seconds, flush=True)
    counted = collections.Counter(dict.fromkeys(("old", "new", "leftovers"), 0))
    for number in range(options.points):
        rng = random.Random(f"{options.seed} {number}")
        phase = rng.randrange(PHASES)
        shutil.copyfile(file_of(path, phase), path)
        kill = Kill(number, phase, whole, rng)
        in_another_process(go_on, path, whole, kill)
        counted["leftovers"] += len(os.listdir(path.parent)) > 1
        found = in_another_process(go_on, path, whole)
        counted["new" if found > phase else "old"] += 1
        counted[f"in a {kill.where}"] += 1
    return counted


def file_of(path, phase):
    """Returns the path of the file after so many phases."""
    return path.parent.parent / f"{phase}.keras"


def in_another_process(function, *arguments):
    """Calls a function in a process of its own, and returns what it returns.

    This one has only imported, so that it may be copied at any time. Returns
    `None` if the other was killed.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.write(writing, json.dumps(function(*arguments)).encode())
            status = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)
    os.close(writing)
    with open(reading, "rb") as pipe:
        returned = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL), "see the error above"
    return json.loads(returned) if returned else None


def measure(path, exemplars):
    """Runs all phases, and returns the state after each, and what it takes."""
    clf = begin(exemplars)
    found = {"states": [], "phase": [], "save": [], "calls": []}
    for phase in range(PHASES + 1):
        start = time.perf_counter()
        if phase:
            learn(clf, phase - 1)
        learned = time.perf_counter()
        clf.save(path)
        saved = time.perf_counter()
        shutil.copyfile(path, file_of(path, phase))
        found["states"].append(digest(clf))
        found["phase"].append(learned - start)
        found["save"].append(saved - learned)
        found["calls"].append(calls_of(lambda: clf.save(path)))
    return found


def go_on(path, whole, kill=None):
    """Goes on from a file to the end, and returns how many phases it had."""
    clf = keras.models.load_model(path)
    found = clf.num_phases
    assert digest(clf) == whole["states"][found], "another state"
    for phase in range(found, PHASES):
        take("phase", functools.partial(learn, clf, phase), kill)
        take("save", functools.partial(clf.save, path), kill)
        assert os.listdir(path.parent) == [path.name], "leftovers"
        assert digest(clf) == whole["states"][phase + 1], "another end"
    return found


def take(where, step, kill):
    """Takes a step, in or after which the process is killed, if it is to be."""
    if kill is None or where != kill.where:
        step()
        return
    kill.begin()
    step()
    die()


class Kill:
    """A point at which a process is killed.

    Args:
        number: Int.
        phase: Int, in which it is.
        whole: What `measure` returned.
        rng: `random.Random`.
    """

    def __init__(self, number, phase, whole, rng):
        self.where, self.kind = POINTS[number % len(POINTS)]
        self.delay = rng.random() * whole[self.where][phase + 1]
        calls = whole["calls"][phase + 1]
        self.call = rng.randint(calls - LAST if rng.randrange(2) else 1, calls)

    def begin(self):
        """Begins to count, or to wait."""
        if self.kind == "moment":
            threading.Timer(self.delay, die).start()
        else:
            sys.setprofile(at_call(self.call, die))


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def at_call(last, function):
    """Returns a profile that calls a function at some call of any."""
    calls = itertools.count(1)

    def profile(frame, event, argument):
        if event in ("call", "c_call") and next(calls) == last:
            function()

    return profile


def calls_of(function):
    """Returns how often a function calls any other."""
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    function()
    sys.setprofile(None)
    return calls


def begin(exemplars):
    """Returns a classifier of two classes that has filled its memory."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((DIM,)),
            keras.layers.Dense(16, activation="relu", trainable=False),
            keras.layers.Dense(2),
        ]
    )
    memory = ki.ExemplarMemory(exemplars, selection="random")
    clf = ki.IncrementalClassifier(model, ["0", "1"], memory)
    for label in range(2):
        x = samples(label, exemplars // 2)
        clf.remember(x, [str(label)] * len(x))
    return clf


def samples(label, count):
    generator = np.random.default_rng(label)
    return generator.normal(label, size=(count, DIM)).astype("float32")


def learn(clf, phase):
    """Learns a class; the second one trains, the others solve the head."""
    clf.learn(
        samples(2 + phase, 500),
        classes=[str(2 + phase)],
        epochs=1 if phase == 1 else None,
        batch_size=1000,
        verbose=0,
    )


def digest(clf):
    """Returns a hash of all that a classifier is, but the dates of phases."""
    state = state_of(clf)
    phases = json.loads(state.pop("phases"))
    for record in phases:
        del record["date"]
    state["phases"] = phases
    values = [
        v if isinstance(v, bytes) else repr(v).encode() for v in state.values()
    ]
    return hashlib.sha256(b"".join(values)).hexdigest()


if __name__ == "__main__":
    main()
