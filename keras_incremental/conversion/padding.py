"""The number by which sequences can be padded for a model."""

import keras
import numpy as np

from keras_incremental.utils import probes
from keras_incremental.utils import state

# Steps of made-up sequences, and of what they are padded by.
LENGTH, MORE = 5, 3
# Tokens that are made up at most.
TOKENS = 100


def masked_value(model: keras.Model) -> float | None:
    """Returns the number that a model leaves out at the end of sequences.

    Layers that read the input have to make a mask of one number, as
    `Masking` and `Embedding(mask_zero=True)` do, and those above them have to
    support masks, until one gives a row for each sequence. Whether they do is
    tried on made-up sequences too.

    Args:
        model: Model with a graph and one output.

    Returns:
        Float, or `None` where there is no such number.
    """
    tensor = state.inputs_of(model)
    if not isinstance(tensor, keras.KerasTensor) or not _is_open(tensor):
        return None
    makers = _makers(model)
    values = {_value_of(layer) for layer in makers}
    if len(values) != 1 or None in tensor.shape[2:]:
        return None
    (value,) = values
    return value if _is_left_out(model, makers[0], value) else None


def _makers(model):
    """Returns the layers that make masks of the input; none if these end."""
    makers, unmasked = [], {id(tensor) for tensor in model.inputs}
    for node in state.nodes_of(model):
        open_inputs = [x for x in node.input_tensors if _is_open(x)]
        if node.is_input or not open_inputs or _is_mask(node):
            continue
        reads_input = any(id(x) in unmasked for x in open_inputs)
        makes = _value_of(node.operation) is not None
        if makes != reads_input or not _supports_masks(node.operation):
            return []
        makers += [node.operation] if makes else []
    return makers


def _is_mask(node):
    """Returns whether an operation computes a mask, which graphs have too."""
    is_layer = isinstance(node.operation, keras.Layer)
    return not is_layer and all(x.dtype == "bool" for x in node.outputs)


def _supports_masks(layer):
    """Returns whether steps that are masked mean nothing to a layer."""
    is_layer = isinstance(layer, keras.Layer)
    return (
        is_layer and layer.supports_masking and not layer.activity_regularizer
    )


def _value_of(layer):
    """Returns the number that a layer makes a mask of, or `None`."""
    if isinstance(layer, keras.layers.Embedding):
        return 0.0 if layer.mask_zero else None
    if isinstance(layer, keras.layers.Masking):
        return float(layer.mask_value)
    return None


def _is_left_out(model, maker, value):
    draw = np.random.default_rng(0)
    tensor = state.inputs_of(model)
    shape = (probes.NUM_SAMPLES, LENGTH, *tensor.shape[2:])
    if isinstance(maker, keras.layers.Embedding):
        x = draw.integers(1, max(min(maker.input_dim, TOKENS), 2), shape)
    else:
        x = draw.normal(size=shape)
    width = [(0, 0), (0, MORE), *[(0, 0)] * (len(shape) - 2)]
    longer = np.pad(x, width, constant_values=value)
    dtype = tensor.dtype if tensor.dtype != "bfloat16" else "float32"
    return (
        probes.differ(
            probes.outputs_of(model, x.astype(dtype)),
            probes.outputs_of(model, longer.astype(dtype)),
            model.compute_dtype,
        )
        is None
    )


def _is_open(tensor):
    """Returns whether the steps of sequences are an axis of a tensor."""
    return None in tensor.shape[1:]
