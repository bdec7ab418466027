import keras
import numpy as np
import pytest
from PIL import Image

from keras_incremental.cli.image_files import read_image
from keras_incremental.cli.image_files import resize
from keras_incremental.errors import DamagedFileError

GENERATOR = np.random.default_rng(0)
PIXELS = GENERATOR.integers(0, 256, (23, 31, 3)).astype("uint8")


def saved(folder, image, name="a.png"):
    image.save(folder / name)
    return folder / name


def as_keras_reads(folder, size, color_mode="rgb"):
    data = keras.utils.image_dataset_from_directory(
        folder,
        labels=None,
        image_size=size,
        color_mode=color_mode,
        verbose=False,
    )
    return next(iter(data)).numpy()[0]


@pytest.mark.parametrize("size", [(23, 31), (8, 8), (50, 40), (1, 64)])
def test_pixels_are_resized_as_keras_does(size):
    wanted = keras.ops.convert_to_numpy(
        keras.ops.image.resize(
            PIXELS.astype("float32"), size, data_format="channels_last"
        )
    )
    np.testing.assert_allclose(resize(PIXELS, size), wanted, atol=2e-3)


@pytest.mark.parametrize("name", ["a.png", "a.bmp"])
def test_a_picture_is_read_as_by_image_dataset_from_directory(tmp_path, name):
    path = saved(tmp_path, Image.fromarray(PIXELS), name)
    wanted = as_keras_reads(tmp_path, (9, 14))
    np.testing.assert_allclose(read_image(path, (9, 14)), wanted, atol=2e-3)


def test_a_photo_differs_from_keras_by_the_rounding_of_its_decoder(tmp_path):
    smooth = Image.fromarray(PIXELS).resize((60, 40), Image.BICUBIC)
    path = saved(tmp_path, smooth, "a.jpg")
    difference = read_image(path, (40, 60)) - as_keras_reads(tmp_path, (40, 60))
    assert np.abs(difference).mean() < 1


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "LA", "I;16"])
def test_other_modes_are_read_as_keras_does(tmp_path, mode):
    image = Image.fromarray(PIXELS)
    if mode == "I;16":
        image = Image.fromarray(PIXELS[..., 0].astype("uint16") * 256)
    elif mode == "RGBA":
        image.putalpha(100)
    else:
        image = image.convert(mode)
    path = saved(tmp_path, image)
    wanted = as_keras_reads(tmp_path, (23, 31))
    np.testing.assert_allclose(read_image(path, (23, 31)), wanted, atol=1e-3)


def test_a_gray_picture_has_one_channel(tmp_path):
    path = saved(tmp_path, Image.fromarray(PIXELS[..., 0]))
    wanted = as_keras_reads(tmp_path, (5, 5), "grayscale")
    pixels = read_image(path, (5, 5), channels=1)
    np.testing.assert_allclose(pixels, wanted, atol=2e-3)


@pytest.mark.parametrize(
    "data", [b"", b"no picture", "cut", "flipped"], ids=str
)
def test_a_broken_file_is_named(tmp_path, data):
    path = saved(tmp_path, Image.fromarray(PIXELS))
    whole = path.read_bytes()
    if data == "cut":
        data = whole[: len(whole) // 2]
    elif data == "flipped":
        data = whole[:60] + bytes(byte ^ 255 for byte in whole[60:90])
        data += whole[90:]
    path.write_bytes(data)
    with pytest.raises(DamagedFileError, match="picture.*a.png"):
        read_image(path, (8, 8))


def test_refuses_other_channels_and_missing_files(tmp_path):
    path = saved(tmp_path, Image.fromarray(PIXELS))
    with pytest.raises(ValueError, match="Received: channels=2"):
        read_image(path, (8, 8), channels=2)
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "b.png", (8, 8))
