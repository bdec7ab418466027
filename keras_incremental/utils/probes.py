"""Made-up samples, on which two models are compared."""

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_incremental.utils import state
from keras_incremental.utils.types import Structure

NUM_SAMPLES = 3
# Of axes whose length is open.
SIZES = (64, 256, 8)
# Part of the largest output by which two ways to compute it may differ.
ROUNDING = {"float16": 3e-2, "bfloat16": 6e-2, "float64": 1e-4}


def probe_of(
    model: keras.Model, finite: bool = True
) -> tuple[Structure, np.ndarray]:
    """Returns samples that a model can read, and its outputs.

    Args:
        model: Built model with a graph and one output.
        finite: Bool. Whether the outputs must be finite. Defaults to `True`.

    Returns:
        Pair of a structure of arrays, as of the inputs, and a float array.

    Raises:
        ValueError: if there are none.
    """
    check_strings(model)
    reason: Any = "outputs that are not finite"
    for samples in _candidates(model):
        try:
            outputs = outputs_of(model, samples)
        except Exception as error:
            # Each backend and layer has errors of its own.
            reason = str(error).splitlines()[:1]
            continue
        if not finite or np.isfinite(outputs).all():
            return samples, outputs
    raise ValueError(
        f"Model '{model.name}' cannot be compared with a copy, as it computes "
        "nothing of random samples. Received: inputs of shape "
        f"{_shapes(model)}, which give {reason}. Give it inputs of a fixed "
        "shape, and check that its weights are finite."
    )


def check_strings(model: keras.Model) -> None:
    """Raises if a model reads strings, and the backend has none."""
    backend = keras.config.backend()
    texts = [x.name for x in model.inputs if x.dtype == "string"]
    if texts and backend != "tensorflow":
        raise ValueError(
            f"The backend '{backend}' has no tensors of strings. Received: "
            f"model '{model.name}' with inputs of strings {texts}. Set "
            "KERAS_BACKEND=tensorflow, or take the layer that reads the "
            "strings out of the model and call it on the data."
        )


def outputs_of(function: Callable, samples: Structure) -> np.ndarray:
    """Returns what a model gives of samples in inference mode, in float64.

    Several outputs are one row for each sample.
    """
    tensors = keras.tree.map_structure(ops.convert_to_tensor, samples)
    tensors = state.as_called(function, tensors)
    outputs = keras.tree.flatten(function(tensors, training=False))
    arrays = [ops.convert_to_numpy(ops.cast(x, "float32")) for x in outputs]
    if len(arrays) > 1:
        # What is not finite is compared by place.
        arrays = [np.concatenate([x.reshape(len(x), -1) for x in arrays], -1)]
    return arrays[0].astype("float64")


def differ(
    expected: np.ndarray, received: np.ndarray, dtype: str = "float32"
) -> float | None:
    """Returns by how much outputs differ beyond rounding, or `None`.

    Args:
        expected: Float array.
        received: Float array.
        dtype: Name of the dtype that was computed in. Defaults to
            `"float32"`.
    """
    if expected.shape != received.shape:
        return float("inf")
    finite = np.isfinite(expected)
    if not np.array_equal(expected[~finite], received[~finite], equal_nan=True):
        return float("inf")
    distance = float(np.abs(expected - received)[finite].max(initial=0))
    largest = float(np.abs(expected[finite]).max(initial=0))
    rounding = ROUNDING.get(dtype, 1e-3) * max(largest, 1e-3)
    return None if distance <= rounding else distance


def _candidates(model) -> Iterator[Structure]:
    for size in SIZES:
        for draw in (_wide, _narrow, _not_empty):
            generator = np.random.default_rng(0)
            yield keras.tree.map_structure(
                lambda tensor, draw=draw, size=size, generator=generator: draw(
                    _shape(tensor, size), tensor.dtype, generator
                ),
                state.inputs_of(model),
            )


def _shapes(model):
    inputs = keras.tree.flatten(state.inputs_of(model))
    return [tuple(tensor.shape) for tensor in inputs]


def _shape(tensor, size):
    return (NUM_SAMPLES, *(size if n is None else n for n in tensor.shape[1:]))


def _wide(shape, dtype, generator):
    """Returns pixels to 255, pixels to 1, and numbers around 0."""
    if not keras.backend.is_float_dtype(dtype):
        return _narrow(shape, dtype, generator)
    samples = np.empty(shape, "float32")
    samples[0] = generator.uniform(0, 255, shape[1:])
    samples[1] = generator.uniform(0, 1, shape[1:])
    samples[2:] = generator.normal(size=(shape[0] - 2, *shape[1:]))
    return samples.astype(dtype if dtype != "bfloat16" else "float32")


def _narrow(shape, dtype, generator):
    """Returns zeros and ones, which are tokens and truth values too."""
    bits = generator.integers(0, 2, shape)
    if dtype == "string":
        return np.array(["a", "b"])[bits]
    return bits.astype(dtype if dtype != "bfloat16" else "float32")


def _not_empty(shape, dtype, generator):
    """Returns zeros and ones, where no sample is of padding alone."""
    samples = _narrow(shape, dtype, generator)
    if dtype != "string":
        samples.reshape(len(samples), -1)[:, :1] = 1
    return samples
