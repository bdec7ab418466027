"""Classifiers so small that their Fisher is written by hand."""

import functools

import keras
import numpy as np
from keras import layers

X = np.array(
    [[1.0, 0.5], [-1.0, 2.0], [0.0, 1.5], [0.3, -0.7], [2.0, 1.0]], "float32"
)
Y = np.array([0, 2, 1, 1, 2])
KERNEL = np.array([[0.5, -1.0, 0.2], [0.1, 0.3, -0.6]], "float32")
BIAS = np.array([0.1, 0.0, -0.2], "float32")
# JAX compiles a random initializer for every shape, for seconds.
Dense = functools.partial(layers.Dense, kernel_initializer="zeros")
HIDDEN = np.array([[1.0, -0.5], [0.4, 0.9]], "float32")


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def linear(activation=None, head=None):
    model = keras.Sequential(
        [keras.Input((2,)), head or Dense(3, activation=activation)]
    )
    model.layers[-1].set_weights([KERNEL, BIAS])
    return model


def two_layers(activation=None):
    model = keras.Sequential(
        [
            keras.Input((2,)),
            Dense(2, activation="tanh", use_bias=False),
            Dense(3, activation=activation),
        ]
    )
    model.set_weights([HIDDEN, KERNEL, BIAS])
    return model


def assert_close(importance, wanted, rtol=1e-5):
    for found, expected in zip(importance.values(), wanted, strict=True):
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-7)
