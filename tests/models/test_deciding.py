import keras
import numpy as np
import pytest
from toy_classifiers import NAMES
from toy_classifiers import classifier
from toy_classifiers import samples

from keras_incremental.layers import ExpandableDense
from keras_incremental.models import IncrementalClassifier
from keras_incremental.recipes import Recipe

X = np.ones((4, 2), "float32")


def divided():
    """Always 0.3 for "car", 0.4 for "truck", and 0.3 for "police car"."""
    head = ExpandableDense(2, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((2,)), head])
    head.expand(1, parents=[0])
    head.assign_columns("bias", np.array([np.log(0.6), np.log(0.4), 0.01]))
    return IncrementalClassifier(model, ["car", "truck", "police car"])


def test_every_answer_counts_a_divided_class_as_one_first():
    clf = divided()
    assert set(clf.predict_names(X)) == {"police car"}
    assert set(clf.propose(X, threshold=1.0)) == {"police car"}
    assert set(clf.review(X, threshold=0.0).names) == {"police car"}
    found = clf.predict_names(X, classes=["car", "truck"])
    assert set(found) == {"truck"}


def test_unknown_answers_count_a_divided_class_as_one_first():
    clf = divided()
    x = np.random.default_rng(0).normal(size=(50, 2))
    clf.calibrate_unknown(x, score="energy")
    found = clf.predict_names(x, unknown="unknown")
    assert set(found) <= {"police car", "unknown"}
    assert "police car" in found


def test_merged_and_removed_classes_are_no_proposal():
    clf, (x, _) = classifier(), samples(range(2), seed=9)
    assert set(clf.predict_names(x)) == set(NAMES[:2])
    clf.merge({NAMES[1]: NAMES[0]})
    assert set(clf.predict_names(x)) == {NAMES[0]}
    assert set(clf.propose(x, threshold=1.0)) <= {NAMES[0], None}
    assert set(clf.review(x, threshold=0.0).names) == {NAMES[0]}


def test_a_recipe_of_a_loss_of_probabilities_is_refused():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy()
    with pytest.raises(ValueError, match="takes probabilities"):
        IncrementalClassifier(model, ["a", "b"], recipe=Recipe(loss=loss))
