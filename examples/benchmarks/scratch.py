"""Small networks that are trained from random weights.

Kernels start uniform up to 1 / sqrt(fan_in), as those of the peers do, and
biases from 0. Keras' own default, `glorot_uniform`, starts wider.
"""

import keras
from keras import layers


def mlp(input_shape: tuple = (28, 28, 1), weights: None = None) -> keras.Model:
    """Two layers of 256 units, from raw pictures to features.

    Args:
        input_shape: Tuple `(height, width, channels)`.
        weights: `None`, random.

    Input shape:
        `(batch_size, height, width, channels)`, from 0 to 255.

    Output shape:
        `(batch_size, 256)`.
    """
    return _network("mlp", input_shape, weights, _dense_layers)


def cnn(input_shape: tuple = (28, 28, 1), weights: None = None) -> keras.Model:
    """Four convolutions, from raw pictures to features: 97,392 weights.

    Args:
        input_shape: Tuple `(height, width, channels)`.
        weights: `None`, random.

    Input shape:
        `(batch_size, height, width, channels)`, from 0 to 255.

    Output shape:
        `(batch_size, 128)`.
    """
    return _network("cnn", input_shape, weights, _convolutions)


def _network(name, input_shape, weights, body):
    """A model of random weights from raw pictures to what `body` makes."""
    if weights is not None:
        raise ValueError(
            f"`{name}` has no pretrained weights. Received: weights="
            f"{weights!r}. Pass None."
        )
    inputs = keras.Input(input_shape, name="pictures")
    return keras.Model(
        inputs, body(layers.Rescaling(1 / 255)(inputs)), name=name
    )


def _dense_layers(x):
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.Dense(256, "relu", kernel_initializer=_uniform())(x)
    return x


def _convolutions(x):
    for filters in (16, 32, 64, 128):
        x = layers.Conv2D(
            filters,
            3,
            padding="same",
            use_bias=False,
            kernel_initializer=_uniform(),
        )(x)
        x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
        x = layers.ReLU()(x)
        if filters < 128:
            x = layers.MaxPooling2D()(x)
    return layers.GlobalAveragePooling2D()(x)


def _uniform():
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
