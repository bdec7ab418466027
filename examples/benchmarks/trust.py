"""Tries the promises that `examples/trust.md` lists, many times.

    python -m examples.benchmarks.trust --interruptions 100 --phases 300
    python -m examples.benchmarks.trust --interruptions 0 --phases 0 \
        --batches 50000

Ctrl-C arrives at random moments of `learn`, `remember`, `remove`, `forget` and
`rollback`: the call either returns, or leaves the classifier to the bit. A
soak then learns phase after phase in one process, and prints seconds and memory
of the first and of the last of them. With `--batches` as many batches pass
through `observe`, by steps with a `Reservoir` and then from statistics.
"""

import argparse
import contextlib
import json
import os
import random
import resource
import signal
import threading
import time

import keras
import numpy as np
from keras import ops

import keras_incremental as ki

DIM = 16
# Of the soak: later phases bring more samples of these.
CLASSES = 40
# Samples of a batch of a stream, and batches from one measurement to the next.
SIZE, MARK = 10, 250


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interruptions", type=int, default=100)
    parser.add_argument("--phases", type=int, default=300)
    parser.add_argument("--batches", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.interruptions:
        print(interrupt(options.interruptions, options.seed), flush=True)
    if options.phases:
        print(soak(options.phases), flush=True)
    if options.batches:
        for name in ("er", "slda"):
            print(soak_stream(name, options.batches), flush=True)


def interrupt(count, seed=0):
    """Returns how many calls returned, and how many were undone.

    Raises:
        AssertionError: if a call that raised has changed anything.
    """
    keras.utils.set_random_seed(seed)
    clf, generator = classifier(), random.Random(seed)
    for label in range(3):
        learn(clf, label)
    calls, lasted = list(CALLS.items()), {}
    counted = {"returned": 0, "undone": 0}
    for number in range(count):
        name, call = calls[number % len(calls)]
        before = state_of(clf)
        delay = generator.random() * lasted.get(name, 0.5)
        start, finished = time.perf_counter(), []
        with contextlib.suppress(KeyboardInterrupt):
            call_with_ctrl_c(call, clf, delay, finished)
        if finished:
            lasted[name] = time.perf_counter() - start
        else:
            changed = changes(before, state_of(clf))
            assert not changed, f"{name} has changed {changed}"
        counted["returned" if finished else "undone"] += 1
    return counted


def call_with_ctrl_c(call, clf, delay, finished):
    """Calls a function, and sends Ctrl-C after a delay if it still runs."""

    def interrupt_later():
        time.sleep(delay)
        if not finished:
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt_later)
    thread.start()
    try:
        call(clf)
        finished.append(True)
    finally:
        thread.join()


def soak(phases):
    """Returns CPU seconds and MB of the first and the last tenth of phases."""
    clf, seconds, sizes = classifier(), [], []
    for label in range(phases):
        start = time.process_time()
        learn(clf, label % CLASSES)
        seconds.append(time.process_time() - start)
        sizes.append(used_mb())
    tenth, new = max(1, phases // 10), min(CLASSES, phases // 2)
    return {
        "phases": phases,
        "seconds early": round(float(np.median(seconds[new:][:tenth])), 3),
        "seconds late": round(float(np.median(seconds[-tenth:])), 3),
        "MB early": round(sizes[new:][tenth - 1]),
        "MB late": round(sizes[-1]),
    }


def soak_stream(name, batches):
    """Returns CPU milliseconds a batch and MB, early and late in a stream."""
    marks = []
    x, names = samples_of_ten(batches)

    def stream():
        for start in range(0, len(x), SIZE):
            if start % (SIZE * MARK) == 0:
                marks.append((time.process_time(), used_mb()))
            yield x[start : start + SIZE], names[start : start + SIZE]

    report = follower(name).observe(stream(), verbose=0)
    seconds, sizes = np.array(marks).T
    costs = 1000 * np.diff(seconds) / MARK
    tenth = max(1, len(costs) // 10)
    return {
        "recipe": name,
        "batches": report.used["batches"],
        "ms early": round(float(np.median(costs[1:][:tenth])), 2),
        "ms late": round(float(np.median(costs[-tenth:])), 2),
        "MB early": round(sizes[tenth]),
        "MB late": round(sizes[-1]),
    }


def used_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def samples_of_ten(batches):
    """Returns samples of ten classes in any order, never the same twice."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, SIZE * batches)
    x = generator.normal(4 * np.eye(10, DIM)[labels])
    return x.astype("float32"), np.array([f"class {k}" for k in labels])


def follower(name):
    """Returns a classifier of ten classes that follows a stream."""
    recipe = getattr(ki.recipes, name)()
    if name == "er":
        recipe = ki.recipes.er(memory=ki.Reservoir(500))
    return ki.IncrementalClassifier(
        network(10), [f"class {k}" for k in range(10)], recipe=recipe
    )


def network(units):
    return keras.Sequential(
        [
            keras.Input((DIM,)),
            keras.layers.Dense(DIM, activation="relu", trainable=False),
            keras.layers.Dense(units),
        ]
    )


def classifier():
    memory = ki.ExemplarMemory(60)
    names = ["class 0", "class 1"]
    clf = ki.IncrementalClassifier(network(2), names, memory)
    clf.remember(*samples(0))
    clf.remember(*samples(1))
    return clf


def samples(label):
    seed = [label, time.perf_counter_ns() % 2**32]
    center = 4 * np.random.default_rng(label).normal(size=DIM)
    noise = np.random.default_rng(seed).normal(size=(20, DIM))
    return (center + noise).astype("float32"), [f"class {label}"] * 20


def learn(clf, label, **options):
    x, names = samples(label)
    clf.learn(x, classes=names[:1], verbose=0, **options)


def state_of(clf):
    """Returns a dict of all that a call must not change."""
    statistics = {n: getattr(clf.statistics, n) for n in clf.statistics.ARRAYS}
    arrays = {
        **{f"weight {n}": v for n, v in enumerate(clf.variables)},
        **{f"slot {n}": v for n, v in enumerate(clf.optimizer.variables)},
        **statistics,
        "exemplars": clf.memory.arrays()[0],
        "ids": clf.memory.ids,
    }
    found = {n: ops.convert_to_numpy(v).tobytes() for n, v in arrays.items()}
    config = {**clf.get_config(), "compiled": clf.get_compile_config()}
    return {**found, **{name: json.dumps(v) for name, v in config.items()}}


def changes(before, after):
    names = [*before, *(name for name in after if name not in before)]
    return [name for name in names if before.get(name) != after.get(name)]


def learn_new(clf):
    learn(clf, len(clf.classes))


CALLS = {
    "learn": learn_new,
    "train": lambda clf: learn(clf, 1, epochs=2),
    "remember": lambda clf: clf.remember(*samples(0)),
    "forget": lambda clf: clf.forget(clf.memory.ids[::5]),
    "more": lambda clf: learn(clf, 0),
    "rollback": lambda clf: clf.previous and clf.rollback(),
    "rename": lambda clf: clf.rename({clf.classes[-1]: f"{len(clf.phases)}"}),
}


if __name__ == "__main__":
    main()
