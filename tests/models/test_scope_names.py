"""Names of models and layers that TensorFlow refuses as it runs them."""

import json

import keras
import numpy as np
import pytest
from changed_files import CONFIG
from changed_files import rewritten

from keras_incremental.errors import DamagedFileError
from keras_incremental.models import IncrementalClassifier
from keras_incremental.models import load_classifier

X = np.ones((4, 4), "float32")
BAD = ["<script>", "my layer", "\u00e9", "a:b", "a\nb"]
PLACES = ("classifier", "model", "layer", "head")
ON_TENSORFLOW = keras.config.backend() == "tensorflow"


def make(place, name):
    names = {**dict.fromkeys(PLACES), place: name}
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(3, name=names["layer"]),
            keras.layers.Dense(2, name=names["head"]),
        ],
        name=names["model"],
    )
    return IncrementalClassifier(
        model, ["a", "b"], **({"name": name} if place == "classifier" else {})
    )


def renamed(data):
    return json.dumps(json.loads(data)).replace("plain", "<b>").encode()


@pytest.mark.parametrize("name", BAD, ids=ascii)
@pytest.mark.parametrize("place", PLACES)
def test_a_name_that_cannot_run_is_refused_at_once(place, name):
    if not ON_TENSORFLOW:
        assert make(place, name).predict(X, verbose=0).shape == (4, 2)
        return
    with pytest.raises(ValueError, match="must be letters.*Give it another"):
        make(place, name)


@pytest.mark.parametrize("place", PLACES)
def test_a_name_with_an_underscore_before_it_runs_or_is_refused(place):
    if ON_TENSORFLOW and place in ("classifier", "model"):
        with pytest.raises(ValueError, match="begins with a letter"):
            make(place, "_x")
        return
    clf = make(place, "_x")
    clf.learn(X, classes=["c"], epochs=1, verbose=0)
    assert clf.predict(X, verbose=0).shape == (4, 3)


@pytest.mark.skipif(not ON_TENSORFLOW, reason="others take any name")
@pytest.mark.parametrize("place", PLACES)
def test_a_file_with_such_a_name_is_refused_at_load(place, tmp_path):
    good, bad = tmp_path / "good.keras", tmp_path / "bad.keras"
    make(place, "plain").save(good)
    rewritten(good, bad, {CONFIG: renamed})
    with pytest.raises(DamagedFileError, match="name='<b>.*Give it another"):
        load_classifier(bad)


def test_a_layer_that_is_named_anew_is_taken():
    name = "my layer"
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(2, name=name)]
    )
    model.layers[-1].name = "dense"
    clf = IncrementalClassifier(model, ["a", "b"])
    assert clf.predict(X, verbose=0).shape == (4, 2)
