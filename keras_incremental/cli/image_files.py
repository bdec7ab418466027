"""Pictures in files, read as `image_dataset_from_directory` reads them."""

import os
import struct
from typing import IO
from typing import Any

import numpy as np

from keras_incremental.errors import DamagedFileError

# What decoders raise where a file is cut, changed, or no picture.
DAMAGES = (
    ArithmeticError,
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
)
MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def read_image(
    path: str | os.PathLike, size: tuple[int, int], channels: int = 3
) -> np.ndarray:
    """Returns the pixels of a picture at a given size.

    They are those of `keras.utils.image_dataset_from_directory`: bilinear
    interpolation without antialiasing, whatever the aspect ratio. The decoder
    is Pillow's, whose JPEG pixels may differ by rounding.

    Args:
        path: String or path of a picture.
        size: `(height, width)`.
        channels: Int: 1, 3 or 4. Defaults to `3`.

    Returns:
        Float32 array of shape `(height, width, channels)`, from 0 to 255.

    Raises:
        OSError: if there is no such file, or it may not be read.
        DamagedFileError: if it is no whole picture.
    """
    with open(path, "rb") as file:
        return decode_image(file, path, size, channels)


def decode_image(
    file: IO[bytes],
    path: str | os.PathLike,
    size: tuple[int, int],
    channels: int = 3,
) -> np.ndarray:
    """Returns the pixels of an open picture. See `read_image`.

    Args:
        file: File that is open to read bytes.
        path: String or path, for errors.
        size: `(height, width)`.
        channels: Int: 1, 3 or 4. Defaults to `3`.
    """
    image_module = _pillow()
    if channels not in MODES:
        raise ValueError(
            "A picture has 1, 3 or 4 channels. Received: channels="
            f"{channels}. Read the samples in Python, and pass them as arrays."
        )
    try:
        with image_module.open(file) as image:
            pixels = _pixels(image, MODES[channels])
    except (*DAMAGES, image_module.DecompressionBombError) as error:
        raise DamagedFileError(path, "picture", error) from error
    return resize(pixels.reshape(*pixels.shape[:2], channels), size)


def resize(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns pixels at another size, by bilinear interpolation.

    It is `keras.ops.image.resize`, in NumPy: on JAX that compiles anew for
    each size of a photo.

    Args:
        pixels: Array of shape `(height, width, channels)`.
        size: `(height, width)`.
    """
    for axis, length in enumerate(size):
        pixels = _interpolated(pixels, axis, length)
    return pixels.astype("float32")


def _interpolated(pixels, axis, length):
    count = pixels.shape[axis]
    if count == length:
        return pixels
    # The centers of pixels, not their corners, are at the same places.
    places = (np.arange(length, dtype="float32") + 0.5) * (count / length) - 0.5
    low = np.floor(places)
    shape = [1] * pixels.ndim
    shape[axis] = length
    share = (places - low).astype("float32").reshape(shape)
    near, far = (
        np.take(pixels, np.clip(low + step, 0, count - 1).astype(int), axis)
        for step in (0, 1)
    )
    near = near.astype("float32")
    return near + (far - near) * share


def _pixels(image, mode):
    if image.mode.startswith("I;16"):
        # The upper of two bytes, as TensorFlow reads it.
        image = image.point(lambda value: value / 256).convert("L")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return np.asarray(image.convert(mode))


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "Pictures are read by Pillow, which is not installed. Run "
            '`pip install "keras-incremental[cli]"`.'
        ) from error
    return Image
