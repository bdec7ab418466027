"""Names in another order than the outputs are noticed."""

import numpy as np
import pytest
from toy_classifiers import NAMES
from toy_classifiers import samples
from toy_classifiers import trained_model

from keras_incremental.models import IncrementalClassifier
from keras_incremental.models.data_warnings import fitting_order


def swapped():
    return IncrementalClassifier(trained_model(), ["dog", "cat"])


def named(classes, seed=3):
    x, y = samples(classes, seed=seed)
    return x, [NAMES[label] for label in y]


ORDER = r"classes=\['dog', 'cat'\].*fits the labels is \['cat', 'dog'\]"


def test_remember_warns():
    with pytest.warns(UserWarning, match=ORDER):
        swapped().remember(*named([0, 1]))


def test_evaluate_classes_warns():
    with pytest.warns(UserWarning, match=ORDER):
        scores = swapped().evaluate_classes(*named([0, 1]))
    assert max(scores.values()) < 0.1


def test_learn_with_validation_warns():
    x, y = samples([0, 1, 2], seed=9)
    # Labels number the classes as they were given.
    validation = x, np.array([1, 0, 2])[y]
    new, _ = samples([2])
    with pytest.warns(UserWarning, match=ORDER):
        swapped().learn(
            new,
            classes=["bird"],
            validation_data=validation,
            epochs=1,
            verbose=0,
        )


def test_the_right_order_gives_no_warning():
    clf = IncrementalClassifier(trained_model(), ["cat", "dog"])
    clf.remember(*named([0, 1]))
    assert min(clf.evaluate_classes(*named([0, 1])).values()) > 0.9


@pytest.mark.parametrize(
    "confusion, order",
    [
        ([[9, 1], [0, 9]], None),
        ([[0, 9], [9, 0]], [1, 0]),
        # Two of three.
        ([[9, 0, 0], [0, 0, 9], [0, 8, 1]], [0, 2, 1]),
        # A circle: samples of class 0 are predicted as 1, so output 1 is 0.
        ([[0, 9, 0], [0, 0, 9], [9, 0, 0]], [2, 0, 1]),
        # A class that is confused with one that is right.
        ([[9, 0], [9, 0]], None),
        # Too few samples to say so.
        ([[0, 4], [4, 0]], None),
        # Nothing is clear.
        ([[0, 4, 5], [5, 0, 5], [5, 5, 0]], None),
    ],
)
def test_an_order_is_found_only_where_it_is_clear(confusion, order):
    assert fitting_order(np.array(confusion)) == order
