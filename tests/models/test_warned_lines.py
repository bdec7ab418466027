"""Warnings name the line of the user, however deep they come from."""

import pathlib

import keras
import numpy as np
import pytest
from keras import layers

import keras_incremental
from keras_incremental import ExemplarMemory
from keras_incremental.models import IncrementalClassifier
from keras_incremental.utils.user_warnings import warn

ROOT = pathlib.Path(keras_incremental.__file__).parent
NAMES = ["cat", "dog"]
Y = np.arange(12) % 2


class Mine(layers.Layer):
    """A layer that no file tells about."""

    def call(self, inputs):
        return inputs


def pictures(largest):
    draw = np.random.default_rng(0)
    return draw.integers(0, 256, (12, 4, 4, 1)) * (largest / 255)


def make(below=None):
    model = keras.Sequential([keras.Input((4, 4, 1)), layers.Rescaling(1)])
    model.add(below or layers.Flatten())
    model.add(layers.Flatten())
    model.add(layers.Dense(2))
    return IncrementalClassifier(model, NAMES, memory=ExemplarMemory(6))


def remembering(clf, tmp_path):
    clf.remember(pictures(255), Y, verbose=0)
    clf.remember(pictures(1), Y, verbose=0)


def learning(clf, tmp_path):
    clf.remember(pictures(255), Y, verbose=0)
    clf.learn(pictures(1), classes=["bird"], verbose=0)


def saving(clf, tmp_path):
    clf.save(tmp_path / "pets.keras")


def saving_in_fit(clf, tmp_path):
    saved = keras.callbacks.ModelCheckpoint(tmp_path / "pets.keras")
    clf.compile("sgd", clf.loss)
    clf.fit(pictures(255), Y, callbacks=[saved], verbose=0)


@pytest.mark.parametrize(
    ("act", "below", "said"),
    [
        (remembering, None, "seem"),
        (learning, None, "seem"),
        (saving, Mine, "Mine"),
        (saving_in_fit, Mine, "Mine"),
    ],
)
def test_a_method_warns_where_it_is_called(act, below, said, tmp_path):
    clf = make(below and below())
    with pytest.warns(UserWarning, match=said) as caught:
        act(clf, tmp_path)
    told = [each.filename for each in caught if said in str(each.message)]
    assert told and set(told) == {__file__}


def test_code_of_the_user_inside_of_the_package_is_named(recwarn):
    callback = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: warn("told")
    )
    make().fit(pictures(255), Y, callbacks=[callback], verbose=0)
    assert [w.filename for w in recwarn if "told" in str(w.message)] == [
        __file__
    ]


def test_no_warning_counts_the_calls_between():
    texts = {path.name: path.read_text() for path in ROOT.rglob("*.py")}
    assert [n for n, t in texts.items() if "stacklevel" in t] == [
        "user_warnings.py"
    ]
