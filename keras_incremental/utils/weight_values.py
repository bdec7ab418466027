"""Values of weights, which may be gigabytes, with few copies."""

import hashlib
from collections.abc import Iterable

import keras
import numpy as np
from keras import ops


def kept_of(variable: keras.Variable) -> np.ndarray:
    """Returns the value of a variable, which later steps do not change.

    TensorFlow does not copy it: before a variable changes, it gets other
    memory if somebody still reads what it was. JAX and torch do not look.
    """
    if keras.backend.backend() == "tensorflow":
        return _view_of(variable)
    return ops.convert_to_numpy(variable)


def digest_of(variables: Iterable[keras.Variable]) -> str:
    """Returns a string that changes with any value of the variables."""
    digest = hashlib.sha1(usedforsecurity=False)
    for variable in variables:
        if keras.backend.backend() == "tensorflow":
            values = _view_of(variable)
        else:
            values = ops.convert_to_numpy(variable)
        flat = np.ascontiguousarray(values).reshape(-1)
        digest.update(flat.view("uint8").data)
    return digest.hexdigest()


def _view_of(variable: keras.Variable) -> np.ndarray:
    import tensorflow as tf

    if 0 in variable.shape:
        return ops.convert_to_numpy(variable)
    tensor = tf.convert_to_tensor(variable.value)
    dtype = tensor.dtype.as_numpy_dtype
    return np.frombuffer(tensor, dtype).reshape(variable.shape)
