import keras
import numpy as np
import pytest
from keras import layers

from keras_incremental.models import IncrementalClassifier

X = np.random.default_rng(0).standard_normal((6, 4)).astype("float32")


class Doubled(layers.Layer):
    """A layer that Keras does not find by its name."""

    def call(self, inputs):
        return 2 * inputs


@keras.saving.register_keras_serializable("test_portability")
class Halved(layers.Layer):
    """A layer that it finds."""

    def call(self, inputs):
        return inputs / 2


def classifier(layer):
    model = keras.Sequential([keras.Input((4,)), layer, layers.Dense(2)])
    return IncrementalClassifier(model, ["a", "b"])


def test_a_lambda_is_named_and_opens_as_the_warning_says(tmp_path):
    clf = classifier(layers.Lambda(lambda x: 2 * x, name="double"))
    path = tmp_path / "lambda.keras"
    with pytest.warns(UserWarning, match=r"\['double'\].*safe_mode=False"):
        clf.save(path)
    with pytest.raises(ValueError, match="Lambda|lambda"):
        keras.models.load_model(path)
    loaded = keras.models.load_model(path, safe_mode=False)
    np.testing.assert_array_equal(
        loaded.predict_on_batch(X), clf.predict_on_batch(X)
    )


def squared(x):
    """A function that Keras does not find by its name."""
    return x * x


@pytest.mark.parametrize(
    ("made", "layer", "needed"),
    [
        (lambda: Doubled(name="twice"), "twice", Doubled),
        (
            lambda: layers.Dense(3, activation=squared, name="bent"),
            "bent",
            squared,
        ),
    ],
    ids=["class", "function"],
)
def test_what_is_unregistered_is_named_and_opens_with_it(
    made, layer, needed, tmp_path
):
    name = needed.__name__
    clf, path = classifier(made()), tmp_path / "own.keras"
    with pytest.warns(UserWarning, match=f"{name}.*{layer}.*custom_objects"):
        clf.save(path)
    loaded = keras.models.load_model(path, custom_objects={name: needed})
    np.testing.assert_array_equal(
        loaded.predict_on_batch(X), clf.predict_on_batch(X)
    )


def test_registered_classes_are_silent(tmp_path):
    clf = classifier(Halved())
    # Warnings are errors in tests.
    clf.save(tmp_path / "registered.keras")
    loaded = keras.models.load_model(tmp_path / "registered.keras")
    np.testing.assert_array_equal(
        loaded.predict_on_batch(X), clf.predict_on_batch(X)
    )


@keras.saving.register_keras_serializable("test_portability")
class Offset(layers.Layer):
    """A layer with a state that it writes to no file."""

    offset = 0.0

    def call(self, inputs):
        return inputs + self.offset


@keras.saving.register_keras_serializable("test_portability")
class WrittenOffset(Offset):
    """The same, as the warning says."""

    def save_own_variables(self, store):
        store["offset"] = np.array(self.offset)

    def load_own_variables(self, store):
        self.offset = float(store["offset"][()])


def test_a_state_that_no_file_holds_is_named(tmp_path):
    for kind in (Offset, WrittenOffset):
        layer = kind(name="shift")
        layer.offset = 3.0
        clf = classifier(layer)
        if kind is Offset:
            with pytest.warns(UserWarning, match="'shift' on.*own_variables"):
                clf.save(tmp_path / "lost.keras")
    clf.save(tmp_path / "kept.keras")
    loaded = keras.models.load_model(tmp_path / "kept.keras")
    np.testing.assert_array_equal(
        loaded.predict_on_batch(X), clf.predict_on_batch(X)
    )
