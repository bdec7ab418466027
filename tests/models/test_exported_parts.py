"""Exports of classifiers whose samples have several parts."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.models import IncrementalClassifier

DRAW = np.random.default_rng(0)
X = {
    "words": DRAW.integers(0, 9, (20, 4)).astype("int32"),
    "numbers": DRAW.normal(size=(20, 3)).astype("float32"),
}
pytestmark = pytest.mark.skipif(
    keras.config.backend() != "tensorflow",
    reason="TensorFlow writes all formats.",
)


def classifier(form):
    """A classifier of three classes, of a dict or a list of two parts."""
    keras.utils.set_random_seed(0)
    inputs = {
        "words": keras.Input((4,), name="words", dtype="int32"),
        "numbers": keras.Input((3,), name="numbers"),
    }
    words = layers.Flatten()(layers.Embedding(9, 2)(inputs["words"]))
    joined = layers.concatenate([words, inputs["numbers"]])
    features = keras.Model(form(inputs), layers.Dense(8, "relu")(joined))
    features.trainable = False
    inputs = keras.tree.map_structure(
        lambda x: keras.Input(x.shape[1:], dtype=x.dtype, name=x.name),
        form(inputs),
    )
    model = keras.Model(inputs, layers.Dense(2)(features(inputs)))
    clf = IncrementalClassifier(model, ["a", "b"], memory=ExemplarMemory(20))
    clf.remember(form(X), np.arange(20) % 2)
    new = form({name: values[:6] for name, values in X.items()})
    clf.learn(new, classes=["c"], verbose=0)
    return clf


FORMS = {"dict": dict, "list": lambda parts: [*parts.values()]}


@pytest.fixture(params=FORMS)
def exported(request):
    form = FORMS[request.param]
    clf = classifier(form)
    names = clf.predict_names(form(X))
    return clf, clf.predict(form(X), verbose=0), names.tolist()


def test_a_saved_model_reads_them_by_name(exported, tmp_path):
    import tensorflow as tf

    clf, scores, names = exported
    clf.export(tmp_path / "a", verbose=False)
    answer = tf.saved_model.load(tmp_path / "a").signatures["serving_default"]
    received = answer(**{name: tf.constant(part) for name, part in X.items()})
    np.testing.assert_allclose(received["scores"], scores, 1e-5, 1e-5)
    told = [name.decode() for name in received["names"].numpy()]
    assert told == names


def test_onnx_reads_them_by_name(exported, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    clf, scores, names = exported
    clf.export(tmp_path / "a.onnx", "onnx", verbose=False)
    session = runtime.InferenceSession(tmp_path / "a.onnx")
    received = session.run(["scores", "names"], X)
    np.testing.assert_allclose(received[0], scores, 1e-5, 1e-5)
    assert received[1].tolist() == names
