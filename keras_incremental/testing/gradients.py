import keras
import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.utils.types import Function


def gradient(function: Function, x: ArrayLike) -> np.ndarray:
    """Computes the gradient of a scalar function of one array.

    Args:
        function: Function of one tensor, with a scalar result.
        x: Array, float32.

    Returns:
        Array of the shape of `x`.
    """
    x = np.asarray(x, "float32")
    return _BACKENDS[keras.config.backend()](function, x)


def _tensorflow(function, x):
    import tensorflow as tf

    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    result = tape.gradient(value, x)
    return np.zeros(x.shape, "float32") if result is None else result.numpy()


def _jax(function, x):
    import jax

    return np.asarray(jax.grad(function)(x))


def _torch(function, x):
    import torch

    x = torch.tensor(x, requires_grad=True)
    value = function(x)
    if not value.requires_grad:
        return np.zeros(x.shape, "float32")
    (result,) = torch.autograd.grad(value, x, allow_unused=True)
    return (torch.zeros_like(x) if result is None else result).numpy()


_BACKENDS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
