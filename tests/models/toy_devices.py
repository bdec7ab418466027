"""What several devices learn, beside what one learns, in the tests of both."""

import contextlib
import dataclasses

import keras
import numpy as np
import pytest
from toy_classifiers import DIM
from toy_classifiers import NAMES
from toy_classifiers import samples

from keras_incremental import ExemplarMemory
from keras_incremental import Reservoir
from keras_incremental import recipes
from keras_incremental.models import IncrementalClassifier

OLD = samples([0, 1], count=21)
TEST, _ = samples(range(4), count=3, seed=9)


def skip_if_files_share_a_process(request):
    """Skips a test whose devices came too late; raises where CI runs it.

    It is called where an error is handled: by `--processes` each file has a
    process of its own, in which devices can always be made.
    """
    if request.config.option.processes:
        raise
    pytest.skip("the backend has its devices by now: pass --processes 2")


def network(trainable=False, normalized=False):
    keras.utils.set_random_seed(1)
    layers = [
        keras.Input((DIM,)),
        keras.layers.Dense(16, "relu", trainable=trainable),
    ]
    if normalized:
        layers.append(keras.layers.BatchNormalization())
    return keras.Sequential([*layers, keras.layers.Dense(2)])


def classifier(recipe=None, trainable=False):
    return IncrementalClassifier(
        network(trainable), NAMES[:2], recipe=recipe and recipe()
    )


def everything():
    """Exemplars, teachers and penalties in one recipe."""
    return dataclasses.replace(
        recipes.lwf(),
        callbacks=recipes.ewc().callbacks,
        memory=ExemplarMemory(10),
    )


def learned(clf, label, **options):
    """Learns 17 samples, in batches of which the last is odd."""
    x, _ = samples([label], count=17, seed=label)
    return clf.learn(
        x, classes=[NAMES[label]], verbose=0, batch_size=6, **options
    )


def solve(clf):
    clf.remember(*OLD)
    x, y = samples([0, 2], count=1, seed=7)
    learned(clf, 2, validation_data=(x, [NAMES[k] for k in y]))


def train(clf):
    clf.remember(*OLD)
    learned(clf, 2, epochs=1)
    assert any(v.regularizer is not None for v in clf.trainable_variables)


def observe(clf):
    clf.remember(*OLD)
    x, _ = samples([2], count=10, seed=3)
    batches = [(x[:7], ["bird"] * 7), (x[7:], ["bird"] * 3)]
    clf.observe(iter(batches), verbose=0)


def count(clf):
    clf.remember(*OLD)
    x, _ = samples([2], count=10, seed=3)
    clf.observe(iter([(x[:9], ["bird"] * 9)]), verbose=0)


ROADS = {
    "solved": (solve, None, False),
    "trained": (train, everything, True),
    "stream": (observe, lambda: recipes.er(memory=Reservoir(20)), False),
    "counted": (count, recipes.slda, False),
}


# A road, and whether it is taken inside of the scope of the devices.
PLACES = (
    ("solved", True),
    ("trained", False),
    ("stream", True),
    ("counted", True),
)


def assert_same_learned(road, inside, scope, folder):
    """Learns on one device and on those of a scope, and compares.

    Args:
        road: String, a key of `ROADS`.
        inside: Bool, whether it is taken inside of the scope.
        scope: Function that returns the scope.
        folder: Folder to save in.

    Returns:
        The classifier on several devices.
    """
    call, recipe, trainable = ROADS[road]
    one = classifier(recipe, trainable)
    call(one)
    with scope():
        two = classifier(recipe, trainable)
    with scope() if inside else contextlib.nullcontext():
        call(two)
        found = two.predict(TEST, batch_size=5, verbose=0)
        accuracy = two.evaluate_classes(*OLD)
        two.save(folder / "two.keras")
        loaded = keras.models.load_model(folder / "two.keras")
    for a, b in zip(learned_numbers(one), learned_numbers(two), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)
    expected = one.predict(TEST, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert accuracy == one.evaluate_classes(*OLD)
    assert two.classes == one.classes == loaded.classes
    found = loaded.predict(TEST, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    return two


def learned_numbers(clf):
    """Returns weights, the importance of each, and exemplars."""
    penalties = [v.regularizer for v in clf.trainable_variables]
    return [
        *clf.get_weights(),
        *(np.array(p.importance) for p in penalties if p is not None),
        *(clf.memory.arrays() if clf.memory else ()),
    ]
