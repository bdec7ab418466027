"""A penalty of activations counts in `learn` as it does in `fit`."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import losses

from keras_incremental.models import IncrementalClassifier

X = np.random.default_rng(0).uniform(0, 255, (12, 4)).astype("float32")
SPARSE = losses.SparseCategoricalCrossentropy(from_logits=True)


def hidden(trainable=True):
    penalty = keras.regularizers.L2(0.01)
    return layers.Dense(
        5, "relu", activity_regularizer=penalty, trainable=trainable
    )


BODIES = {
    "one": lambda: [hidden()],
    "above a frozen layer": lambda: [
        layers.Dense(3, trainable=False),
        hidden(),
    ],
    "nested": lambda: [keras.Sequential([keras.Input((4,)), hidden()])],
    "two": lambda: [hidden(), hidden()],
}


@pytest.mark.parametrize("name", BODIES)
def test_learn_minimizes_what_fit_does(name):
    keras.utils.set_random_seed(0)
    body = BODIES[name]()
    model = keras.Sequential([keras.Input((4,)), *body, layers.Dense(2)])
    clf = IncrementalClassifier(
        model, ["cat", "dog"], backbone_learning_rate=0.0
    )
    clf.compile(keras.optimizers.SGD(0.0), SPARSE)
    labels = np.arange(12) % 2
    expected = clf.fit(X, labels, batch_size=12, verbose=0).history["loss"]
    report = clf.learn(
        X,
        labels,
        ["cat", "dog"],
        optimizer=keras.optimizers.SGD(1e-9),
        epochs=3,
        batch_size=12,
        verbose=0,
    )
    np.testing.assert_allclose(report.history["loss"], expected * 3, rtol=1e-3)
