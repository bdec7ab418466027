"""Networks and pictures to time with: random, all that counts is work."""

import keras
import numpy as np
from keras import layers


def resnet_features(picture=32, filters=(16, 32, 64), blocks=2):
    """A small ResNet (14 layers, 175,000 weights) up to its features."""
    inputs = keras.Input((picture, picture, 3))
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.ReLU()(_convolve(x, filters[0]))
    for stage, width in enumerate(filters):
        for block in range(blocks):
            strides = 2 if stage and not block else 1
            x = _residual(x, width, strides)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, x)


def vgg_features(picture=32, widths=(64, 128, 256, 512, 512)):
    """VGG16 up to its pooled features: 14.7 million weights."""
    inputs = keras.Input((picture, picture, 3))
    x = layers.Rescaling(1 / 255)(inputs)
    for width, depth in zip(widths, (2, 2, 3, 3, 3), strict=False):
        for _ in range(depth):
            x = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(x))


def classifier(features, num_classes):
    """Features and a `Dense` layer of logits, in one graph."""
    logits = layers.Dense(num_classes)(features.outputs[0])
    return keras.Model(features.inputs[0], logits)


def pictures(count, size, num_classes, seed=0):
    """Pictures of noise, bytes as float32, with labels."""
    generator = np.random.default_rng(seed)
    x = generator.integers(0, 256, (count, size, size, 3))
    return x.astype("float32"), generator.integers(0, num_classes, count)


def _residual(x, width, strides):
    shortcut = x
    if strides > 1 or x.shape[-1] != width:
        shortcut = _convolve(x, width, 1, strides)
    x = layers.ReLU()(_convolve(x, width, 3, strides))
    return layers.ReLU()(layers.Add()([_convolve(x, width), shortcut]))


def _convolve(x, width, size=3, strides=1):
    x = layers.Conv2D(width, size, strides, padding="same", use_bias=False)(x)
    return layers.BatchNormalization()(x)
