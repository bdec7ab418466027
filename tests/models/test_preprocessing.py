import types

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

import keras_incremental as ki

PICTURES = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), "uint8")


class Converter(layers.Resizing):
    """As an `ImageConverter` of KerasHub: resizes, and scales."""

    image_size = (4, 4)

    def __init__(self):
        super().__init__(*self.image_size, data_format="channels_last")

    def call(self, inputs):
        return super().call(ops.cast(inputs, "float32")) / 255


def task(**parts):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((4, 4, 3)), layers.Flatten(), layers.Dense(2)]
    )
    model.preprocessor = types.SimpleNamespace(**parts)
    return model


def test_a_task_reads_pictures_as_its_own_fit_does():
    model = task(image_converter=Converter())
    clf = ki.IncrementalClassifier(model, ["cat", "dog"])
    expected = ops.convert_to_numpy(model(Converter()(PICTURES)))
    np.testing.assert_allclose(
        clf.predict(PICTURES, verbose=0), expected, atol=1e-6
    )


def test_a_class_is_learnt_from_raw_pictures():
    model = task(image_converter=Converter())
    clf = ki.IncrementalClassifier(model, ["cat", "dog"])
    clf.learn(PICTURES, classes=["bird"], epochs=1, verbose=0)
    assert clf.predict(PICTURES, verbose=0).shape == (6, 3)


def test_pictures_are_as_large_as_ever_where_none_is_resized():
    model = task(image_converter=layers.Rescaling(1 / 255))
    clf = ki.IncrementalClassifier(model, ["cat", "dog"])
    assert clf.features.input_shape == (None, 4, 4, 3)


@pytest.mark.parametrize("parts", [{}, {"image_converter": None}])
def test_nothing_is_put_in_front_where_nothing_is_converted(parts):
    model = task(**parts)
    clf = ki.IncrementalClassifier(model, ["cat", "dog"])
    assert len(clf.features.layers) == len(model.layers)


@pytest.mark.parametrize(
    "parts",
    [
        {"tokenizer": object()},
        {"audio_converter": object()},
        {"image_converter": Converter, "tokenizer": object()},
    ],
    ids=lambda parts: "-".join(parts),
)
def test_what_cannot_be_taken_over_is_refused_and_taken_off(parts):
    model = task(**parts)
    with pytest.raises(ValueError, match="outside of.*preprocessor = None"):
        ki.IncrementalClassifier(model, ["cat", "dog"])
    model.preprocessor = None
    clf = ki.IncrementalClassifier(model, ["cat", "dog"])
    assert clf.preprocessor is None
