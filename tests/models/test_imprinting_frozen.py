import dataclasses

import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental import recipes
from keras_incremental.layers import ExpandableCosine
from keras_incremental.layers.expandable_cosine import seen_from
from keras_incremental.models import IncrementalClassifier

# All positive, and far from zero, as features that end in ReLU are.
X = 20 + np.repeat(np.eye(4), 6, axis=0) + 0.1 * np.tile(np.eye(4), (6, 1))
X = X.astype("float32")
Y = np.repeat(["a", "b", "c", "d"], 6)


def classifier(name="lucir", proxies=1):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    recipe = dataclasses.replace(
        recipes.get(name, budget=8),
        head=ExpandableCosine(1, scale=10.0, proxies=proxies),
        stage=None,
    )
    return IncrementalClassifier(model, ["a", "b"], recipe=recipe)


def accuracy(clf, rows=slice(None)):
    return (clf.predict_names(X[rows]) == Y[rows]).mean()


def test_remembering_centres_a_cosine_head_on_frozen_features():
    clf = classifier()
    clf.remember(X[:12], Y[:12])
    center = ops.convert_to_numpy(clf.head.center)
    np.testing.assert_allclose(center, X[:12].mean(0), rtol=1e-6)
    assert accuracy(clf, slice(12)) == 1.0


def test_class_after_class_is_remembered_as_well_as_together():
    together, apart = classifier(), classifier()
    together.remember(X[:12], Y[:12])
    apart.remember(X[:6], Y[:6])
    apart.remember(X[6:12], Y[6:12])
    np.testing.assert_allclose(
        ops.convert_to_numpy(apart.head.scores(X[:12])),
        ops.convert_to_numpy(together.head.scores(X[:12])),
        atol=0.02,
    )


@pytest.mark.parametrize("proxies", [1, 2])
def test_new_classes_are_learnt_around_the_center(proxies):
    clf = classifier(proxies=proxies)
    clf.remember(X[:12], Y[:12])
    clf.learn(X[12:], Y[12:], ["c", "d"], epochs=1, verbose=0)
    assert accuracy(clf) == 1.0


@pytest.mark.parametrize("proxies", [1, 2])
def test_a_plain_model_takes_the_center_off_too(proxies):
    clf = classifier(proxies=proxies)
    clf.remember(X[:12], Y[:12])
    plain = clf.to_keras()
    assert {type(layer).__module__.split(".")[0] for layer in plain.layers} == {
        "keras"
    }
    np.testing.assert_allclose(
        plain.predict(X, verbose=0), clf.predict(X, verbose=0), atol=1e-4
    )


def test_a_rollback_brings_the_center_back():
    clf = classifier()
    clf.remember(X[:12], Y[:12])
    center = ops.convert_to_numpy(clf.head.center).copy()
    clf.learn(X[12:], Y[12:], ["c", "d"], epochs=1, verbose=0)
    clf.head.assign_center(np.zeros(4))
    clf.rollback()
    np.testing.assert_array_equal(ops.convert_to_numpy(clf.head.center), center)


def test_a_direction_is_the_same_place_seen_from_elsewhere():
    # The place is 2 along the first axis; the center moves 2 up.
    kernel = np.array([[5.0], [0.0]])
    moved = seen_from(kernel, np.array([2.0]), np.array([0.0, 2.0]))
    np.testing.assert_allclose(moved, 5 * np.array([[1], [-1]]) / 2**0.5)
