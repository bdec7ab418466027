"""What Keras does in silence with mistakes, or says in a riddle.

Each ends in an error that names the argument and the fix, where steps are
compiled too. Labels outside the head, which XLA turns into NaN, are held to
this in `models/test_hostile_labels.py` and `data/test_checked.py`, strings
and folders of new classes in `test_user_stories.py`.
"""

import keras
import numpy as np
import pytest
from keras import layers

from keras_incremental.losses import CandidateSetCrossentropy
from keras_incremental.losses import SeparatedSoftmax
from keras_incremental.models import IncrementalClassifier
from keras_incremental.recipes import Recipe

JIT = keras.config.backend() != "torch"
X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
Y = np.arange(12) % 2
OF_LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def make(units=2, activation=None, num_classes=2, recipe=None):
    head = layers.Dense(units, activation=activation, name="head")
    model = keras.Sequential([keras.Input((4,)), head])
    names = [f"class {k}" for k in range(num_classes)]
    return IncrementalClassifier(model, names, recipe=recipe)


def compiled(loss, **model):
    clf = make(**model)
    clf.compile("sgd", loss, jit_compile=JIT)
    return clf


def learned(clf):
    clf.learn(X[:4], classes=["new"], epochs=1, verbose=0)
    return clf


def assert_untouched(clf, before):
    for old, new in zip(before, clf.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("method", ["fit", "evaluate"])
def test_label_10_on_10_outputs(method):
    clf = compiled(OF_LOGITS, units=10, num_classes=10)
    before = clf.get_weights()
    message = r"outside the classes. Received: \[10\].*\[0, 10\).*Number"
    with pytest.raises(ValueError, match=message):
        getattr(clf, method)(X, Y + 9, verbose=0)
    assert_untouched(clf, before)


@pytest.mark.parametrize("method", ["fit", "evaluate"])
def test_label_2_for_a_sigmoid_head_with_binary_crossentropy(method):
    clf = compiled("binary_crossentropy", units=1, activation="sigmoid")
    before = clf.get_weights()
    message = r"outside the classes. Received: \[2\].*1 = 'class 1'.*Number"
    with pytest.raises(ValueError, match=message):
        getattr(clf, method)(X, Y + 1, verbose=0)
    assert_untouched(clf, before)


def name_of(loss):
    """One name for a loss in every process."""
    if isinstance(loss, str):
        return loss
    return getattr(loss, "__name__", type(loss).__name__)


PROBABILITIES = [
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    keras.losses.CategoricalCrossentropy(),
    keras.losses.sparse_categorical_crossentropy,
    CandidateSetCrossentropy(from_logits=False),
]
LOGITS = [
    OF_LOGITS,
    keras.losses.CategoricalCrossentropy(from_logits=True),
    CandidateSetCrossentropy(),
    SeparatedSoftmax(num_old=1),
]


@pytest.mark.parametrize("method", ["fit", "evaluate"])
@pytest.mark.parametrize("loss", PROBABILITIES, ids=name_of)
def test_a_loss_of_probabilities_on_logits(loss, method):
    clf = compiled(loss)
    before = clf.get_weights()
    message = "takes probabilities.*'head' gives logits.*from_logits=True"
    with pytest.raises(ValueError, match=message):
        getattr(clf, method)(X, np.eye(2)[Y], verbose=0)
    assert_untouched(clf, before)


@pytest.mark.parametrize("method", ["fit", "evaluate"])
@pytest.mark.parametrize("loss", LOGITS, ids=name_of)
def test_a_loss_of_logits_on_probabilities(loss, method):
    clf = compiled(loss, activation="softmax")
    message = "takes logits.*'head' gives probabilities.*from_logits=False"
    with pytest.raises(ValueError, match=message):
        getattr(clf, method)(X, Y, verbose=0)


@pytest.mark.parametrize("loss", PROBABILITIES, ids=name_of)
def test_a_loss_of_probabilities_to_learn_by(loss):
    message = "takes probabilities.*in training gives logits.*from_logits=True"
    with pytest.raises(ValueError, match=message):
        make(recipe=Recipe(loss=loss))


def test_a_loss_that_does_not_say_what_it_takes_is_not_refused():
    clf = compiled("mean_squared_error")
    assert np.isfinite(clf.evaluate(X, np.eye(2)[Y], verbose=0)[0])


def test_weights_of_fewer_classes_with_skip_mismatch(tmp_path):
    path = tmp_path / "old.weights.h5"
    make().save_weights(path)
    clf = learned(make())
    before = clf.get_weights()
    message = "columns of old classes.*skip_mismatch=True.*load_model"
    with pytest.raises(ValueError, match=message):
        clf.load_weights(path, skip_mismatch=True)
    assert_untouched(clf, before)


def test_weights_of_fewer_classes(tmp_path):
    path = tmp_path / "old.weights.h5"
    make().save_weights(path)
    with pytest.raises(ValueError, match="could not be loaded"):
        learned(make()).load_weights(path)


def test_weights_of_as_many_classes_are_loaded(tmp_path):
    path = tmp_path / "same.weights.h5"
    first, second = make(), make()
    first.save_weights(path)
    second.load_weights(path)
    np.testing.assert_array_equal(
        second.predict(X, verbose=0), first.predict(X, verbose=0)
    )


def test_the_optimizer_that_was_built_before_the_head_grew():
    clf = compiled(OF_LOGITS)
    clf.fit(X, Y, verbose=0)
    optimizer = clf.optimizer
    learned(clf)
    assert clf.optimizer is not optimizer
    clf.fit(X, Y, verbose=0)
    clf.compile(optimizer, OF_LOGITS, jit_compile=JIT)
    before = clf.get_weights()
    message = "optimizer was built before.*kernel.*Compile with a new one"
    with pytest.raises(ValueError, match=message):
        clf.fit(X, Y, verbose=0)
    assert_untouched(clf, before)


def test_one_hot_labels_of_more_classes_than_outputs():
    clf = compiled(OF_LOGITS)
    message = r"one-hot of width 3, but there are 2 classes.*Pass integers"
    with pytest.raises(ValueError, match=message):
        clf.fit(X, np.eye(3)[Y], verbose=0)


def test_to_categorical_of_only_the_new_class():
    clf = make()
    ones = keras.utils.to_categorical(np.zeros(12), 1)
    clf.learn(X, ones, classes=["new"], epochs=1, verbose=0)
    assert clf.classes == ("class 0", "class 1", "new")


def test_names_as_labels():
    clf = compiled(OF_LOGITS)
    clf.fit(X, np.array(["class 0", "class 1"])[Y], verbose=0)
    message = r"names that are not among the classes.*\['class 7'\].*spelling"
    with pytest.raises(ValueError, match=message):
        clf.fit(X, np.array(["class 0", "class 7"])[Y], verbose=0)
