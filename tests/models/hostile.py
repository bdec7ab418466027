"""A small classifier to be given bad input, and what it must keep."""

import contextlib
import functools
import json
import re

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.models import IncrementalClassifier

NFC, NFD = "caf\u00e9", "cafe\u0301"
NAMES = (NFC, "dog", "bird")
X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
Y = np.arange(12) % 2


def spoilt(value, dtype="float32"):
    """Pictures of which one has a bad value."""
    x = X.astype(dtype)
    x[3, 1] = value
    return x


class Batches(keras.utils.PyDataset):
    """Batches that are given; beyond them, the disk fails."""

    def __init__(self, *batches, num_batches=None, endless=False):
        super().__init__()
        self.batches = batches
        self._num_batches = num_batches or len(batches)
        self._endless = endless

    @property
    def num_batches(self):
        return None if self._endless else self._num_batches

    def __getitem__(self, index):
        if index >= len(self.batches):
            raise OSError("the disk is gone")
        return self.batches[index]


def plain_model(*after, shape=(4,), units=2, **head):
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Dense(6, activation="relu", trainable=False),
            layers.Dense(units, **head),
            *after,
        ]
    )


def make_classifier(budget=20):
    """One that has seen three classes, learned the last of them, and fit."""
    keras.utils.set_random_seed(1)
    memory = ExemplarMemory(budget)
    clf = IncrementalClassifier(plain_model(), NAMES[:2], memory)
    clf.remember(X, Y)
    clf.learn(X[:4], classes=["bird"], epochs=1, verbose=0)
    clf.fit(X, Y, verbose=0)
    return clf


shared_classifier = functools.cache(make_classifier)


def fingerprint(clf):
    """All that a refused call must leave as it was."""
    held, known = clf.memory, clf.statistics
    return {
        "classes": clf.classes,
        "phases": clf.num_phases,
        "groups": (clf.head.group_sizes, clf.head.frozen_groups),
        "trainable": [v.trainable for v in clf.variables],
        "compile": json.dumps(clf.get_compile_config(), default=str),
        "previous": clf.previous,
        "weights": _bytes(clf.variables),
        "slots": _bytes(clf.optimizer.variables),
        "statistics": _bytes([known.counts, known.means, known.scatter]),
        "memory": _bytes([*held.arrays(), held.ids, held.phases]),
    }


@contextlib.contextmanager
def refused(error, *parts, by=None):
    """Expects an error whose message has these parts, and changes nothing.

    The parts are the argument, what was received, and the fix, in order.
    """
    clf = by or shared_classifier()
    before = fingerprint(clf)
    with pytest.raises(error, match=says(*parts)):
        yield clf
    assert fingerprint(clf) == before


def says(*parts):
    """A pattern of a message that has these parts, in order."""
    return "(?s)" + ".*".join(map(re.escape, parts))


def _bytes(arrays):
    return [ops.convert_to_numpy(array).tobytes() for array in arrays]
