"""Arguments of `fit` mean for a classifier what they mean in Keras."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_incremental.models import IncrementalClassifier

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
Y = np.arange(12) % 2
WEIGHTS = np.linspace(0, 2, 12)
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def network():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((4,)), layers.Dense(2)])


def history(model, *given, **options):
    model.compile("sgd", LOSS, metrics=["accuracy"], run_eagerly=True)
    keras.utils.set_random_seed(1)
    return model.fit(X, Y, *given, **{"verbose": 0, **options}).history


ARGUMENTS = {
    "sample_weight": {"sample_weight": WEIGHTS},
    "class_weight": {"class_weight": {0: 3.0, 1: 1.0}},
    "validation_split": {"validation_split": 0.25},
    "steps_per_epoch": {"steps_per_epoch": 2, "batch_size": 4},
    "initial_epoch": {"initial_epoch": 1, "epochs": 3},
    "shuffle": {"shuffle": False, "batch_size": 5},
    "weights of validation": {"validation_data": (X, Y, WEIGHTS)},
    "validation_freq": {
        "validation_data": [X, Y],
        "validation_freq": 2,
        "epochs": 2,
    },
}


@pytest.mark.parametrize("options", ARGUMENTS.values(), ids=ARGUMENTS)
def test_an_argument_means_what_it_means_in_keras(options):
    expected = history(network(), **options)
    found = history(IncrementalClassifier(network(), ["a", "b"]), **options)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5)


def test_arguments_may_come_without_their_names():
    clf = IncrementalClassifier(network(), ["a", "b"])
    assert len(history(clf, 4, 2)["loss"]) == 2
    weighted = clf.evaluate(X, Y, 12, 0, WEIGHTS)
    named = clf.evaluate(X, Y, sample_weight=WEIGHTS, verbose=0)
    assert weighted == pytest.approx(named)


def test_classes_are_weighed_by_their_names():
    histories = []
    for weights in ({0: 3.0}, {"a": 3.0}, {" a": 3.0, 1: 1.0}):
        clf = IncrementalClassifier(network(), ["a", "b"])
        found = history(clf, class_weight=weights)["loss"]
        found.append(clf.train_on_batch(X, Y, class_weight=weights)[0])
        histories.append(found)
    np.testing.assert_allclose(histories[1:], 2 * histories[:1])
    for method in (clf.fit, clf.train_on_batch):
        with pytest.raises(ValueError, match="`class_weight` contains names"):
            method(X, Y, class_weight={"c": 2.0})


FIXES = {
    "sample_weight": (
        WEIGHTS,
        lambda clf: clf.fit(X, Y, sample_weight=WEIGHTS),
    ),
    "class_weight": (
        {1: 2.0},
        lambda clf: setattr(clf, "class_weight", {"bird": 2.0}),
    ),
    "validation_split": (0.5, {"validation_data": (X, Y)}),
    "validation_freq": (2, {}),
    "steps_per_epoch": (2, {"steps": 2, "batch_size": 4}),
    "initial_epoch": (1, {"epochs": 1}),
    "shuffle": (False, {}),
}


@pytest.mark.parametrize("name", FIXES)
@pytest.mark.parametrize("method", ["learn", "remember", "observe", "tune"])
def test_what_only_fit_takes_is_told(method, name):
    clf = IncrementalClassifier(network(), ["a", "b"])
    value, fix = FIXES[name]
    with pytest.raises(TypeError, match=f"`{method}` has no argument `{name}`"):
        getattr(clf, method)(X, Y, **{name: value})
    if method != "learn":
        return
    options = fix if isinstance(fix, dict) else {}
    clf.learn(X + 3, classes=["bird"], verbose=0, **options)
    if callable(fix):
        fix(clf)
    assert clf.classes == ("a", "b", "bird")
