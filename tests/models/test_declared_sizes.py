"""Files that declare more than they have, and errors that are not theirs."""

import errno

import keras
import numpy as np
import pytest
from changed_files import CONFIG
from changed_files import in_config
from changed_files import rewritten
from hostile import shared_classifier

from keras_incremental.errors import DamagedFileError
from keras_incremental.layers import AnalyticDense
from keras_incremental.models import IncrementalClassifier
from keras_incremental.models import load_classifier

TOO_LARGE = "model.weights.h5 is damaged.*bytes in a file of"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "clf.keras"
    shared_classifier().save(path)
    return path


def widened(data):
    return data.replace(b'"units": 6', b'"units": 9999999')


def test_a_wide_head_of_a_recipe_is_refused(saved, tmp_path):
    head = AnalyticDense(1, ridge=0.1, expansion=10**7)
    head = keras.saving.serialize_keras_object(head)
    changes = in_config(lambda c: c["recipe"]["config"].update(head=head))
    path = rewritten(saved, tmp_path / "clf.keras", changes)
    with pytest.raises(DamagedFileError, match=TOO_LARGE):
        load_classifier(path)


@keras.saving.register_keras_serializable()
class Holding(keras.layers.Layer):
    """A layer that can be built outside of a stateless scope only."""

    def build(self, input_shape):
        self.factor = keras.Variable(np.ones((), "float32"), trainable=False)

    def call(self, inputs):
        return inputs * self.factor


def test_a_wide_layer_is_found_after_any_other(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            Holding(),
            keras.layers.Dense(6, trainable=False),
            keras.layers.Dense(2),
        ]
    )
    good, path = tmp_path / "good.keras", tmp_path / "clf.keras"
    IncrementalClassifier(model, ["cat", "dog"]).save(good)
    assert load_classifier(good).classes == ("cat", "dog")
    rewritten(good, path, {CONFIG: widened})
    with pytest.raises(DamagedFileError, match=TOO_LARGE):
        load_classifier(path)


@pytest.mark.parametrize(
    "error",
    [
        UserWarning("a layer of someone else is slow"),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
    ids=["a warning", "a full disk"],
)
def test_only_damage_is_called_damage(error, saved, monkeypatch):
    def failing(*arguments):
        raise error

    monkeypatch.setattr(keras.models, "load_model", failing)
    with pytest.raises(type(error)) as caught:
        load_classifier(saved)
    assert caught.value is error
