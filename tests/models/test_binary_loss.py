"""Losses of one-hot labels, and of a yes or no, in `fit` of a classifier."""

import keras
import numpy as np
import pytest
from keras import losses

from keras_incremental.models import IncrementalClassifier

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
Y = np.arange(12) % 2
NAMES = np.array(["cat", "dog", "bird"])


def network(units=1, activation="sigmoid"):
    keras.utils.set_random_seed(0)
    head = keras.layers.Dense(units, activation=activation)
    return keras.Sequential([keras.Input((4,)), head])


def make(loss, units=1, activation="sigmoid", **options):
    size = max(units, 2)
    model = network(units, activation)
    clf = IncrementalClassifier(model, NAMES[:size].tolist())
    clf.compile(keras.optimizers.SGD(0.1), loss, **options)
    return clf


def dataset(y):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((X, y)).batch(6)


LABELS = [Y, Y[:, None], np.eye(2)[Y], NAMES[Y], dataset, [*Y]]


@pytest.mark.parametrize("y", LABELS, ids=lambda y: type(y).__name__)
@pytest.mark.parametrize(
    "loss",
    ["binary_crossentropy", losses.BinaryCrossentropy()],
    ids=["name", "loss"],
)
def test_binary_crossentropy_of_an_adopted_sigmoid_is_its_own(loss, y):
    model = network()
    model.compile(loss="binary_crossentropy", metrics=["accuracy"])
    expected = model.evaluate(X, Y, verbose=0)
    clf = make(loss, metrics=["accuracy"])
    data = (y(Y),) if callable(y) else (X, y)
    np.testing.assert_allclose(clf.evaluate(*data, verbose=0), expected, 1e-5)
    validation = data[0] if len(data) == 1 else data
    options = {"shuffle": False, "verbose": 0}
    history = clf.fit(*data, validation_data=validation, **options).history
    np.testing.assert_allclose(history["loss"][0], expected[0], rtol=0.2)


@pytest.mark.parametrize("method", ["fit", "evaluate"])
@pytest.mark.parametrize(
    "units, activation",
    [(1, None), (2, None), (3, None), (3, "softmax")],
)
def test_a_yes_or_no_of_other_outputs_is_refused(units, activation, method):
    loss = losses.BinaryCrossentropy(from_logits=activation is None)
    clf = make(loss, units, activation)
    before = clf.get_weights()
    message = "yes or a no.*Received: loss=.*SparseCategoricalCrossentropy"
    with pytest.raises(ValueError, match=message):
        getattr(clf, method)(X, Y, verbose=0)
    for old, new in zip(before, clf.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("y", [Y, NAMES[Y]], ids=["ints", "names"])
def test_a_loss_of_one_hot_labels_takes_any(y):
    values = []
    for loss in (
        losses.CategoricalCrossentropy(from_logits=True),
        losses.SparseCategoricalCrossentropy(from_logits=True),
    ):
        clf = make(loss, 3, None, metrics=["accuracy"])
        values.append(clf.evaluate(X, y, verbose=0))
    np.testing.assert_allclose(*values, rtol=1e-5)


def test_a_binary_metric_reads_what_predict_gives():
    clf = make("categorical_crossentropy", 2, "softmax")
    metric = keras.metrics.BinaryCrossentropy(name="binary")
    clf.compile("sgd", "categorical_crossentropy", metrics=[metric])
    labels, p = np.eye(2)[Y], clf.predict(X, verbose=0)
    expected = -np.mean(labels * np.log(p) + (1 - labels) * np.log(1 - p))
    found = clf.evaluate(X, labels, verbose=0, return_dict=True)
    assert found["binary"] == pytest.approx(expected, rel=1e-4)
