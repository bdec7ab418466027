"""Pixels from 0 to 1 beside pixels from 0 to 255 are noticed."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_incremental import ExemplarMemory
from keras_incremental.models import IncrementalClassifier
from keras_incremental.models.data_warnings import warn_of_pixel_range

NAMES = ["cat", "dog"]


def pictures(largest=255, seed=0):
    draw = np.random.default_rng(seed)
    return draw.integers(0, 256, (12, 4, 4, 1)) * (largest / 255)


def make(*scales, **options):
    inputs = keras.Input((4, 4, 1))
    x = inputs
    for scale in scales:
        x = layers.Rescaling(scale)(x)
    x = layers.Flatten()(x)
    model = keras.Model(inputs, layers.Dense(2)(x))
    return IncrementalClassifier(model, NAMES, **options)


def learn(clf, x, **options):
    return clf.learn(x, classes=["bird"], verbose=0, **options)


@pytest.mark.parametrize(
    ("old", "new", "fix"), [(255, 1, "multiply"), (1, 255, "divide")]
)
def test_new_pixels_beside_those_of_the_memory(old, new, fix):
    clf = make(memory=ExemplarMemory(6))
    clf.remember(pictures(old), np.arange(12) % 2)
    message = f"`x` seem.*to {new}, and the memory from 0 to {old}.*{fix} it"
    with pytest.warns(UserWarning, match=message):
        learn(clf, pictures(new))


def test_new_pixels_beside_those_of_the_validation():
    validation = pictures(255), np.arange(12) % 2
    with pytest.warns(UserWarning, match="of `validation_data`.*multiply"):
        learn(make(), pictures(1), validation_data=validation)


@pytest.mark.parametrize("scales", [(1 / 255,), (1 / 127.5,)], ids=str)
def test_pixels_beside_the_scaling_of_the_model(scales):
    clf = make(*scales, memory=ExemplarMemory(6))
    with pytest.warns(UserWarning, match="`Rescaling`.*0 to 255.*multiply"):
        clf.remember(pictures(1), np.arange(12) % 2)


@pytest.mark.parametrize(
    ("scales", "old", "new"),
    [
        ((1 / 255,), pictures(255), pictures(60)),
        ((1 / 255,), pictures(255), np.zeros((12, 4, 4, 1))),
        ((), pictures(1), pictures(1, seed=1) - 0.5),
        ((255.0, 1 / 255), pictures(1), pictures(1)),
    ],
    ids=["dark", "black", "centered", "scaled twice"],
)
def test_there_is_no_false_alarm(scales, old, new):
    clf = make(*scales, memory=ExemplarMemory(6))
    clf.remember(old, np.arange(12) % 2)
    # Warnings are errors.
    learn(clf, new, validation_data=(old, np.arange(12) % 2))


def test_tables_have_any_range():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    clf = IncrementalClassifier(model, NAMES, memory=ExemplarMemory(6))
    clf.remember(np.full((12, 4), 255.0), np.arange(12) % 2)
    learn(clf, np.ones((12, 4)))


def test_it_is_one_warning(recwarn):
    clf = make(1 / 255, memory=ExemplarMemory(6))
    clf.remember(pictures(255), np.arange(12) % 2)
    data = type("Samples", (), {"x": pictures(1), "argument": "x"})
    warn_of_pixel_range(clf, data, validation=pictures(255))
    told = [w for w in recwarn if "seem to be on another" in str(w.message)]
    assert len(told) == 1
