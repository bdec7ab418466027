"""Small classifiers to export, and where which format is written."""

import keras
import pytest
import toy_classifiers
import toy_vehicles

from keras_incremental import PartialLabels
from keras_incremental.models import IncrementalClassifier

NAMES = ("kočka", "dog\nand more", "bird", "fish", "frog")
BACKEND = keras.config.backend()
# Of the others, one test each says what they write.
on_tensorflow = pytest.mark.skipif(
    BACKEND != "tensorflow", reason="TensorFlow writes all formats."
)
writes_onnx = pytest.mark.skipif(
    BACKEND == "jax", reason="Graphs of JAX are not converted to ONNX."
)
writes_saved_models = pytest.mark.skipif(
    BACKEND == "torch", reason="Graphs of torch are not converted to it."
)
writes_litert = pytest.mark.skipif(
    keras.version() < "3.13", reason="Keras 3.13 is the first with LiteRT."
)


def described():
    clf = IncrementalClassifier(
        toy_classifiers.trained_model(), toy_classifiers.NAMES[:2]
    )
    x, _ = toy_classifiers.samples([2])
    clf.learn(x, classes=["bird"], verbose=0)
    return clf, toy_classifiers.samples(range(3), seed=9)[0], {}


def divided():
    clf = toy_vehicles.classifier()
    clf.learn(
        toy_vehicles.seen(toy_vehicles.POLICE, 60),
        classes=["police car"],
        partial_labels=PartialLabels(
            parents={"police car": "car"}, shares={"police car": 0.3}
        ),
        epochs=1,
        verbose=0,
    )
    return clf, toy_vehicles.TEST[0], {}
