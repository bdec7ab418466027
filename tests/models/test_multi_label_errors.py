import keras
import numpy as np
import pytest
from declarations import with_partial_labels
from toy_helmets import NEW
from toy_helmets import classifier
from toy_helmets import plain

from keras_incremental import ExemplarMemory
from keras_incremental import recipes
from keras_incremental.models import IncrementalClassifier
from keras_incremental.recipes import Recipe

X, TRUTH = NEW[0][:8], NEW[1][:8]


@pytest.fixture(scope="module")
def clf():
    return classifier()


CASES = {
    "a class for each picture": (
        {"y": np.arange(8), "classes": ["a", "b", "c"]},
        "one column for each of",
    ),
    "names without a meaning": (
        {"y": [["helmet"]] * 8, "classes": ["helmet"]},
        'unlabeled="not_new"',
    ),
    "the background": (
        {"y": TRUTH[:, 2:], "classes": ["helmet"], "unlabeled": "background"},
        "may show none",
    ),
    "a two": (
        {"y": TRUTH[:, 2:] * 2, "classes": ["helmet"]},
        "1 for yes, 0 for no",
    ),
    "nobody with a new class": (
        {"y": TRUTH[:, 2:] * 0, "classes": ["helmet"]},
        "no sample of the new classes",
    ),
    "a child without its parent": (
        {
            "y": np.array([[0, 1]] * 8),
            "classes": ["car", "taxi"],
            "parents": {"taxi": "car"},
        },
        "of both",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_learn_refuses(clf, case):
    arguments, message = CASES[case]
    with pytest.raises(ValueError, match=message):
        clf.learn(X, verbose=0, **with_partial_labels(arguments))
    assert clf.classes == ("car", "bike")


def test_a_loss_of_one_label_is_refused():
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with pytest.raises(ValueError, match="loss.*PartialBinaryCrossentropy"):
        classifier(recipe=Recipe(loss=loss))


def test_a_memory_is_refused_and_old_data_named():
    with pytest.raises(ValueError, match="`old_data="):
        classifier(memory=ExemplarMemory(10))


def test_a_recipe_of_exclusive_classes_is_refused():
    with pytest.raises(ValueError, match="Parts of the recipe 'lwf'.*terms"):
        classifier(recipe=recipes.lwf())


@pytest.mark.parametrize(
    "call",
    [
        lambda clf: clf.remember(X, TRUTH[:, :2]),
        lambda clf: clf.observe(X, TRUTH[:, :2], ["car", "bike"]),
    ],
)
def test_what_needs_one_class_is_refused(clf, call):
    with pytest.raises(ValueError, match="classes that exclude each other"):
        call(clf)


def test_thresholds_are_shares_of_known_classes(clf):
    with pytest.raises(ValueError, match="`thresholds` must be a number"):
        clf.predict_names(X, thresholds=2)
    with pytest.raises(ValueError, match="`thresholds` names classes"):
        clf.predict_names(X, thresholds={"bus": 0.5})


def test_thresholds_are_not_for_exclusive_classes():
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(2)])
    clf = IncrementalClassifier(model, ["a", "b"])
    with pytest.raises(ValueError, match="`thresholds` decide.*use `unknown`"):
        clf.predict_names(X, thresholds=0.5)


def test_logits_that_may_be_either_are_asked_about():
    with pytest.raises(ValueError, match="Say multi_label=True"):
        IncrementalClassifier(plain(activation=None), ["car", "bike"])
    both = IncrementalClassifier(
        plain(activation=None), ["car", "bike"], multi_label=False
    )
    assert not both.multi_label


def test_softmax_excludes():
    with pytest.raises(ValueError, match="ends in softmax"):
        IncrementalClassifier(
            plain(activation="softmax"), ["car", "bike"], multi_label=True
        )
