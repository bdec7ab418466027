"""Numbers that are odd, or none, in calls that read samples."""

import functools

import keras
import numpy as np
import pytest
from hostile import says
from keras import layers

from keras_incremental import recipes
from keras_incremental.memory import Reservoir
from keras_incremental.models import IncrementalClassifier

RANDOM = np.random.default_rng(0)
NAMES, DIM = ["a", "b"], 6
LABELS = np.repeat(np.arange(3), 12)


def samples(labels, distance=6.0):
    drawn = RANDOM.normal(size=(len(labels), DIM))
    return (drawn + distance * np.eye(DIM)[labels]).astype("float32")


X = samples(LABELS)


def make(recipe=None, **arguments):
    """A classifier whose features are the samples and their halves."""
    keras.utils.set_random_seed(0)
    body = layers.Dense(DIM, use_bias=False, trainable=False)
    model = keras.Sequential([keras.Input((DIM,)), body, layers.Dense(2)])
    body.set_weights([np.eye(DIM)])
    return IncrementalClassifier(model, NAMES, recipe=recipe, **arguments)


def learned(recipe, x, y=LABELS, held_out=None):
    """Learns the third class; returns the classifier and its scores."""
    clf, old = make(recipe()), y < 2
    clf.remember(x[old], y[old])
    held_out = (x, y) if held_out is None else held_out
    report = clf.learn(
        x[~old], classes=["c"], validation_data=held_out, verbose=0
    )
    for weight in clf.get_weights():
        assert np.isfinite(weight).all()
    answers = clf.predict_names(held_out[0], verbose=0)
    right = answers == np.array([*NAMES, "c"])[held_out[1]]
    assert report.score == pytest.approx(right.mean())
    return clf, report


def column(value):
    return lambda x: np.concatenate(
        [x[:, :-1], np.full((len(x), 1), value, x.dtype)], axis=1
    )


SOLVED = (recipes.ncm, recipes.slda, recipes.ridge, recipes.fecam)
ODD = {
    "a constant": column(7),
    "a dead feature": column(0),
    "features twice": lambda x: np.concatenate([x[:, :3]] * 2, axis=1),
    "samples twice": lambda x: np.concatenate([x[::2], x[::2]]),
    "large": lambda x: (x * 1e15).astype("float32"),
    "larger than a root": lambda x: (x * 1e25).astype("float32"),
    "small": lambda x: (x * 1e-12).astype("float32"),
    "float16": lambda x: x.astype("float16"),
    "float64": lambda x: x.astype("float64"),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("recipe", SOLVED, ids=lambda r: r.__name__)
def test_classes_that_lie_apart_are_told_apart(recipe, odd):
    y = np.concatenate([LABELS[::2]] * 2) if odd == "samples twice" else LABELS
    _, report = learned(recipe, ODD[odd](X), y)
    assert report.score > 0.9


@pytest.mark.parametrize("recipe", SOLVED, ids=lambda r: r.__name__)
def test_samples_that_say_nothing_have_a_figure(recipe):
    _, report = learned(recipe, np.zeros_like(X))
    assert report.score == pytest.approx(1 / 3)


@pytest.mark.parametrize("recipe", SOLVED, ids=lambda r: r.__name__)
@pytest.mark.parametrize("counts", [(1, 1, 1), (1000, 1000, 1)], ids=str)
def test_few_samples_of_a_class_are_enough(recipe, counts):
    y = np.repeat(np.arange(3), counts)
    held_out = samples(LABELS, 12), LABELS
    _, report = learned(recipe, samples(y, 12), y, held_out)
    assert report.score > 0.6


@pytest.mark.parametrize("recipe", SOLVED[:3], ids=lambda r: r.__name__)
def test_a_third_of_wrong_labels_does_not_decide(recipe):
    y = np.repeat(np.arange(3), 90)
    wrong = np.where(np.arange(270) % 3, y, (y + 1) % 3)
    _, report = learned(recipe, samples(y), wrong, (X, LABELS))
    assert report.score > 0.9


NONE = {
    "NaN": (np.nan, "float32"),
    "infinity": (np.inf, "float32"),
    "float16": (-np.inf, "float16"),
    "beyond float32": (1e200, "float64"),
}
OLD = LABELS < 2


def reads(name, **arguments):
    def call(clf, x):
        getattr(clf, name)(x, LABELS[OLD], **arguments)

    return call


CALLS = {
    "observe": lambda clf, x: clf.observe(x, ["c"] * len(x)),
    "remember": reads("remember"),
    "evaluate_classes": reads("evaluate_classes"),
    "calibrate_unknown": reads(
        "calibrate_unknown", false_alarm=0.2, score="energy"
    ),
    "review": lambda clf, x: clf.review(x),
}


@functools.cache
def shared():
    clf = make(memory=Reservoir(20))
    clf.calibrate_unknown(X[OLD], LABELS[OLD], false_alarm=0.2, score="energy")
    return clf


@pytest.mark.parametrize("none", NONE)
@pytest.mark.parametrize("call", CALLS)
def test_the_sample_without_a_number_is_named(call, none):
    value, dtype = NONE[none]
    x = X[OLD].astype(dtype)
    x[3, 1] = value
    with pytest.raises(ValueError, match=says("[3]")):
        CALLS[call](shared(), x)
    assert shared().num_phases == 0 and shared().classes == ("a", "b")
