"""Timing that holds on a busy machine: CPU time, in turns, in pairs."""

import importlib.util
import os
import time

import keras
import numpy as np


def one_thread():
    """Makes backend and NumPy use one thread. Call it before anything runs.

    The CPU time of a process with several threads counts those that wait.
    """
    flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}"
    # With scikit-learn; it limits libraries that are loaded already.
    if importlib.util.find_spec("threadpoolctl") is not None:
        import threadpoolctl

        threadpoolctl.threadpool_limits(1)
    if importlib.util.find_spec("tensorflow") is not None:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    if keras.config.backend() == "torch":
        import torch

        torch.set_num_threads(1)


def now():
    """CPU time of the process and wall time, an array of two seconds."""
    return np.array([time.process_time(), time.perf_counter()])


def seconds(function):
    """What a call of a function takes, as `now` counts it."""
    start = now()
    function()
    return now() - start


class Stopwatch(keras.callbacks.Callback):
    """Notes when each epoch begins and ends.

    Attributes:
        begins: List of what `now` said.
        ends: List of what `now` said.
    """

    def __init__(self):
        super().__init__()
        self.begins = []
        self.ends = []

    def on_epoch_begin(self, epoch, logs=None):
        self.begins.append(now())

    def on_epoch_end(self, epoch, logs=None):
        self.ends.append(now())


def epoch(model, x, y=None, batch_size=None):
    """A function that trains for an epoch and returns what it took.

    The time is that of the steps alone: what `fit` does before its first
    epoch is not in it.
    """

    def run():
        watch = Stopwatch()
        # Data sets shuffle themselves.
        model.fit(
            x,
            y,
            batch_size,
            verbose=0,
            callbacks=[watch],
            shuffle=y is not None,
        )
        return watch.ends[-1] - watch.begins[-1]

    return run


def interleaved(runs, rounds):
    """Calls functions in turns (A B C A B C ...).

    Each is called once before, and that is not counted: it is then that a
    backend traces and compiles.

    Args:
        runs: Dict from names to functions that return times.
        rounds: Int.

    Returns:
        Dict from names to arrays of shape `(rounds, ...)`.
    """
    for run in runs.values():
        run()
    times = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(run())
    return {name: np.array(taken) for name, taken in times.items()}
