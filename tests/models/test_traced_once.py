"""What a model computes is traced once, and not anew in each phase."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_incremental.models import IncrementalClassifier

pytestmark = pytest.mark.skipif(
    keras.config.backend() == "torch",
    reason="torch traces nothing, and runs layers for each batch",
)
X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")


@keras.saving.register_keras_serializable("tests")
class Counted(layers.Layer):
    """Counts how often it is run or traced."""

    calls = 0

    def call(self, inputs):
        Counted.calls += 1
        return inputs * 1.0


def make(trainable):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            Counted(),
            layers.Dense(5, trainable=trainable),
            layers.Dense(2),
        ]
    )
    return IncrementalClassifier(model, ["a", "b"])


@pytest.mark.parametrize(
    "trainable, remembered", [(False, True), (True, False)]
)
def test_a_later_phase_traces_nothing_of_the_model(trainable, remembered):
    clf = make(trainable)
    calls = []
    if remembered:
        clf.remember(X, ["a", "b"] * 6)
    for name in "cde":
        before = Counted.calls
        options = {"epochs": 1} if trainable else {}
        clf.learn(X + ord(name), classes=[name], verbose=0, **options)
        calls.append(Counted.calls - before)
    assert calls[0] <= 1 and calls[1:] == [0, 0]
    before = Counted.calls
    clf.predict_names(X)
    clf.evaluate_classes(X, ["a", "b"] * 6)
    clf.predict(X, verbose=0)
    assert Counted.calls - before <= 1


@pytest.mark.skipif(
    keras.config.backend() == "jax", reason="JAX compiles each size of a batch"
)
def test_phases_of_any_size_share_what_was_traced():
    clf = make(trainable=False)
    # More than fit in a batch, and less; TensorFlow traces one size, then all.
    x = np.concatenate([X] * 4) + np.arange(48, dtype="float32")[:, None]
    clf.remember(x, ["a", "b"] * 24)
    calls = []
    for name, size in zip("cdef", (12, 40, 5, 48), strict=True):
        before = Counted.calls
        clf.learn(x[:size] + ord(name), classes=[name], verbose=0)
        calls.append(Counted.calls - before)
    assert calls[1:] == [0, 0, 0] and calls[0] <= 1
