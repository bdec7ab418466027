"""The columns of layers that give a score for each class."""

import math

import keras
import numpy as np
from keras import ops

from keras_incremental.layers.expandable_dense import ExpandableDense
from keras_incremental.statistics.solved_columns import LinearColumns
from keras_incremental.utils import state
from keras_incremental.utils.after_head import Affine

CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
)
LARGEST = (
    keras.layers.GlobalMaxPooling1D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.GlobalMaxPooling3D,
)
KINDS = (keras.layers.Dense, keras.layers.EinsumDense, *CONVOLUTIONS)


def units_of(head: keras.layers.Layer) -> int:
    """Returns how many outputs a head has."""
    if isinstance(head, CONVOLUTIONS):
        return head.filters
    if isinstance(head, keras.layers.EinsumDense):
        return head.kernel.shape[-1]
    return head.units


def check_columns(head: keras.layers.Layer) -> None:
    """Raises if a head is more than a kernel and a bias."""
    if not isinstance(head, KINDS):
        raise ValueError(
            "A classifier must end in a `Dense` or `ExpandableDense` layer. "
            f"Received: '{head.name}' of class {type(head).__name__}. "
            f"{_fix(head)}"
        )
    if getattr(head, "quantization_mode", None) is not None:
        raise ValueError(
            f"The head '{head.name}' is quantized, so it cannot learn. "
            f"Received: quantization_mode='{head.quantization_mode}'. Convert "
            "the model as it was before `quantize`, or quantize all but the "
            f"head: `model.quantize('{head.quantization_mode}', "
            f"filters=lambda layer: layer.name != '{head.name}')`."
        )
    if isinstance(head, keras.layers.EinsumDense) and not _is_dense(head):
        raise ValueError(
            f"The head '{head.name}' must give each class one column of its "
            f"kernel. Received: equation={head.equation!r} and bias_axes="
            f"{head.bias_axes!r}. Flatten what it reads, and end in `Dense`."
        )


def _fix(head):
    """Returns what to do about a last layer that is no head."""
    if isinstance(head, keras.layers.Lambda):
        return (
            "What a `Lambda` computes cannot be seen: divide by a temperature "
            "by `keras.layers.Rescaling(1 / temperature)`, or end the model "
            "in what the `Lambda` reads, `keras.Model(model.inputs, "
            f"model.get_layer('{head.name}').input)`."
        )
    if isinstance(head, LARGEST):
        return (
            "Scores of places, of which the largest is taken, are no columns: "
            f"put '{head.name}' below a `Dense` layer, and train that."
        )
    if isinstance(head, keras.layers.BatchNormalization):
        return (
            "Put it into the `Dense` layer below: kernel and bias times "
            "`scale`, and then `beta - moving_mean * scale` added to the bias, "
            "where `scale = gamma / sqrt(moving_variance + epsilon)`."
        )
    return (
        "End the model in what that layer reads, `keras.Model(model.inputs, "
        f"model.get_layer('{head.name}').input)`, if this gives scores. If "
        f"'{head.name}' gives them, by a matrix of weights, put a `Dense` "
        "layer with that kernel in its place."
    )


def _is_dense(layer):
    read, _, written = layer.equation.partition("->")
    inputs, kernel = read.split(",")
    sums = len(kernel) == 2 and inputs[:-1] + kernel[-1] == written
    biased = layer.bias_axes in (None, "", written[-1])
    return sums and inputs[-1] == kernel[0] and biased


def is_pointwise(head: keras.layers.Layer) -> bool:
    """Returns whether a head looks at one place of a map at a time."""
    if not isinstance(head, CONVOLUTIONS):
        return not isinstance(head, keras.layers.EinsumDense)
    simple = {*head.kernel_size, *head.strides, head.groups} == {1}
    return simple and head.data_format == "channels_last"


def reads_parts(head: keras.layers.Layer, width: int | None) -> bool:
    """Returns whether a head has not one weight for each number that it reads.

    Args:
        head: Layer that `check_columns` lets pass, or an `ExpandableHead`.
        width: Int, the number of features below it, or `None`.
    """
    if not isinstance(head, CONVOLUTIONS):
        return False
    return math.prod(head.kernel.shape[:-1]) != width


def columns_of(head, affine):
    """Returns the `LinearColumns` of a layer whose scores are then scaled.

    Args:
        head: Layer that `check_columns` lets pass.
        affine: `Affine`.
    """
    kernel = ops.convert_to_numpy(head.kernel)
    kernel = kernel.reshape(-1, kernel.shape[-1])
    bias = np.zeros(kernel.shape[-1], kernel.dtype)
    if head.bias is not None:
        bias = ops.convert_to_numpy(head.bias)
    if affine != Affine():
        kernel, bias = kernel * affine.scale, affine(bias)
    return LinearColumns(kernel, bias)


def of_two_classes(columns):
    """Returns two columns in place of the one of a yes or no."""
    return LinearColumns(
        np.concatenate([-columns.kernel / 2, columns.kernel / 2], -1),
        np.concatenate([-columns.bias / 2, columns.bias / 2]),
    )


def expandable(split, many):
    """Returns the head of a split as an `ExpandableDense` of the same scores.

    Args:
        split: `HeadSplit`.
        many: Bool. Whether several classes may apply to one sample.
    """
    old = split.head
    columns = columns_of(old, split.affine)
    if units_of(old) == 1 and not many:
        columns = of_two_classes(columns)
    head = ExpandableDense(
        columns.kernel.shape[-1],
        kernel_regularizer=old.kernel_regularizer,
        bias_regularizer=old.bias_regularizer,
        exclusive=not many,
        dtype=old.dtype_policy,
        name=_free_name(old, split.features),
    )
    head.build((None, columns.kernel.shape[0]))
    head.assign_columns("kernel", columns.kernel)
    head.assign_columns("bias", columns.bias)
    return head


def _free_name(head, features):
    """Returns the name of a head, another one if a layer below has it too."""
    below = {layer.name for layer in state.flatten_layers(features)}
    return f"{head.name}_head" if head.name in below else head.name
