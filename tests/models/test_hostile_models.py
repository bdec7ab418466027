import keras
import pytest
from hostile import X
from hostile import plain_model
from hostile import says
from hostile import shared_classifier
from keras import layers

from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.models import IncrementalClassifier

NAMES = ["cat", "dog"]


class NoGraph(keras.Model):
    def __init__(self):
        super().__init__(name="bare")
        self.head = layers.Dense(2)

    def call(self, inputs):
        return self.head(inputs)


def no_graph():
    model = NoGraph()
    model(X)
    return model


def two_outputs():
    inputs = keras.Input((4,))
    outputs = [layers.Dense(2)(inputs), layers.Dense(2)(inputs)]
    return keras.Model(inputs, outputs, name="twins")


def ends_in(*after, shape=(4,)):
    return keras.Sequential([keras.Input(shape), *after], name="model")


def logits_of_yes_or_no():
    model = ends_in(layers.Dense(2))
    model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    return model


END = "must end in a `Dense` or `ExpandableDense` layer"
ROW = "must read one row of features"
ACTIVATION = "must end in logits, `softmax` or `sigmoid`"
MODEL = "must be a Keras model. Received: "
MODEL_CASES = {
    "nothing": (lambda: None, MODEL, "NoneType"),
    "a path": (lambda: "model.keras", MODEL, "str"),
    "a layer": (lambda: layers.Dense(2), MODEL, "Dense"),
    "without a graph": (
        no_graph,
        "'bare' has no graph",
        "of class NoGraph",
        "`keras.Model(inputs, model.call(inputs))`",
    ),
    "unbuilt": (
        lambda: keras.Sequential([layers.Dense(2)], name="raw"),
        "'raw' has no graph",
        "of class Sequential",
        "call it once on data",
    ),
    "of two outputs": (
        two_outputs,
        "'twins' has the outputs",
        "output=None",
    ),
    "that ends in a map": (
        lambda: ends_in(layers.Conv2D(2, 3, name="map"), shape=(4, 4, 3)),
        ROW,
        "shape (None, 4, 4, 3) below 'map'",
        "`GlobalAveragePooling2D`",
    ),
    "of a class for each voxel": (
        lambda: ends_in(layers.Dense(2, name="top"), shape=(2, 2, 5, 4)),
        ROW,
        "shape (None, 2, 2, 5, 4) below 'top'",
        "`Flatten`",
    ),
    "that ends in features": (
        lambda: ends_in(layers.MaxPooling1D(), shape=(8, 4)),
        END,
        "MaxPooling1D",
        "End the model in what that layer reads",
    ),
    "that ends in a mask": (
        lambda: ends_in(layers.Dense(2), layers.Masking()),
        END,
        "of class Masking",
    ),
    "that ends in relu": (
        lambda: ends_in(layers.Dense(2, activation="relu")),
        ACTIVATION,
        "['relu']",
        "End the model",
    ),
    "of logits that may mean either": (
        logits_of_yes_or_no,
        "gives logits",
        "compiled with binary_crossentropy",
        "Say multi_label=True",
    ),
    "of several labels for each pixel": (
        lambda: ends_in(
            layers.Conv2D(2, 1, activation="sigmoid"), shape=(4, 4, 3)
        ),
        "several labels for each pixel",
        "End in `softmax`",
    ),
    "that learns already": (
        shared_classifier,
        "of class IncrementalClassifier learns classes already",
        "Use it directly",
    ),
}


@pytest.mark.parametrize("case", MODEL_CASES)
def test_a_model_that_is_no_classifier_is_refused(case):
    make, *parts = MODEL_CASES[case]
    with pytest.raises(ValueError, match=says(*parts)):
        IncrementalClassifier(make(), NAMES)


CLASSES = "`classes` must name the 2 classes of the model"
ARGUMENT_CASES = {
    "too few names": ({"classes": ["cat"]}, ValueError, CLASSES, "['cat']"),
    "too many names": (
        {"classes": ["cat", "dog", "cow"]},
        ValueError,
        CLASSES,
        "in the order of its outputs",
        "['cat', 'dog', 'cow']",
    ),
    "one name twice": (
        {"classes": ["cat", "cat"]},
        ValueError,
        "`classes` must differ",
        "['cat'] more than once",
    ),
    "one name in two unicode forms": (
        {"classes": ["caf\u00e9", "cafe\u0301"]},
        ValueError,
        "`classes` must differ",
        "(NFC)",
    ),
    "a bare string": ({"classes": "ab"}, TypeError, "`classes`", "Pass ['ab']"),
    "a set": ({"classes": {"a", "b"}}, TypeError, "in the order", "a list"),
    "a count": ({"classes": 2}, TypeError, "classes=2", "Pass a list"),
    "the size of a memory": (
        {"memory": 200},
        TypeError,
        "`memory` must be an `ExemplarMemory`",
        "memory=200",
        "Pass `ExemplarMemory(budget=2000)`",
    ),
    "the class of a memory": (
        {"memory": ExemplarMemory},
        TypeError,
        "`memory` must be an `ExemplarMemory`",
    ),
    "a word for a seed": (
        {"seed": "x"},
        TypeError,
        "`seed` must be an int",
        "seed='x'",
    ),
    "a seed below 0": (
        {"seed": -1},
        ValueError,
        "`seed` must be 0 or more",
        "seed=-1",
    ),
}


@pytest.mark.parametrize("case", ARGUMENT_CASES)
def test_bad_arguments_of_a_classifier_are_refused(case):
    given, error, *parts = ARGUMENT_CASES[case]
    model = plain_model()
    with pytest.raises(error, match=says(*parts)):
        IncrementalClassifier(model, **{"classes": NAMES, **given})
    assert type(model.layers[-1]) is layers.Dense
