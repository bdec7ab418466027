import keras
import numpy as np
from keras import layers
from toy_classifiers import VALIDATION
from toy_classifiers import assert_same_state
from toy_classifiers import classifier
from toy_classifiers import learn
from toy_classifiers import state_of

from keras_incremental.callbacks import ExemplarMemory


def test_saved_and_loaded_is_the_same(tmp_path):
    clf = classifier(ExemplarMemory(20))
    learn(clf, [2])
    clf.save(tmp_path / "clf.keras")
    loaded = keras.models.load_model(tmp_path / "clf.keras")
    assert loaded.classes == clf.classes
    x, _ = VALIDATION
    np.testing.assert_array_equal(
        loaded.predict(x, verbose=0), clf.predict(x, verbose=0)
    )
    assert_same_state(
        {**state_of(clf), "compile": ""}, {**state_of(loaded), "compile": ""}
    )


def test_continued_after_loading_equals_uninterrupted(tmp_path):
    clf = classifier(ExemplarMemory(20))
    learn(clf, [2])
    clf.save(tmp_path / "clf.keras")
    loaded = keras.models.load_model(tmp_path / "clf.keras")
    learn(clf, [3, 4])
    learn(loaded, [3, 4])
    for a, b in zip(clf.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    np.testing.assert_array_equal(
        clf.memory.arrays()[0], loaded.memory.arrays()[0]
    )


def test_saving_keeps_what_was_traced_and_no_features(tmp_path):
    clf = classifier(ExemplarMemory(20))
    learn(clf, [2])
    frozen = clf.backbone.frozen
    assert len(clf.backbone.cached)
    clf.save(tmp_path / "clf.keras")
    assert not len(clf.backbone.cached)
    learn(clf, [3, 4])
    assert clf.backbone.frozen is frozen


def test_plain_model_gives_the_same_outputs():
    clf = classifier(activation="softmax")
    learn(clf, [2])
    plain = clf.to_keras()
    x, _ = VALIDATION
    assert type(plain.layers[-2]) is layers.Dense
    assert plain.class_names == ["cat", "dog", "bird"]
    np.testing.assert_allclose(
        plain.predict(x, verbose=0), clf.predict(x, verbose=0), atol=1e-6
    )
