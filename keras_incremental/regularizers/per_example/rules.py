"""Measures of per-example gradients, from one batched backward pass.

See `keras_incremental.regularizers.per_example` for what a rule is.
"""

import functools
import math
from collections.abc import Callable

import keras
from keras import ops

from keras_incremental.utils.types import Tensor

# What a rule of its own differentiates.
METHODS = ("call", "call_block")


def rule_of(layer: keras.layers.Layer) -> Callable | None:
    """Returns the rule of a layer, or `None`: a loop over the examples."""
    kind = type(layer)
    if "call" in vars(layer) or isinstance(
        getattr(layer, "activation", None), keras.Layer
    ):
        return None
    if hasattr(kind, "per_example_rule"):
        return layer.per_example_rule if _is_current(kind) else None
    found = _RULES.get(getattr(kind, "call", None))
    if found is None:
        return None
    rule, fits = found
    if not fits(layer):
        return None
    return functools.partial(rule, layer)


def _is_current(kind):
    """Returns whether no subclass overrides the methods of the rule."""
    owner = _owner_of(kind, "per_example_rule")
    return all(issubclass(owner, _owner_of(kind, name)) for name in METHODS)


def _owner_of(kind, name):
    """Returns the class that a class has an attribute from."""
    return next((base for base in kind.__mro__ if name in vars(base)), object)


def _dense(layer, inputs, delta, measure):
    bias = sum_positions(delta, measure)
    return [(layer.kernel, outer(inputs, delta, measure)), (layer.bias, bias)]


def _conv2d(layer, inputs, delta, measure):
    groups = getattr(layer, "groups", inputs.shape[-1])
    delta = ops.cast(delta, "float32")
    bias = sum_positions(delta, measure)
    kernel = [
        _grouped_outer(window, delta, groups, measure)
        for window in _windows(layer, ops.cast(inputs, "float32"), delta)
    ]
    kernel = ops.reshape(ops.stack(kernel), layer.kernel.shape)
    return [(layer.kernel, kernel), (layer.bias, bias)]


def _batch_norm(layer, inputs, delta, measure):
    moved = ops.cast(inputs, "float32") - layer.moving_mean
    scale = ops.rsqrt(layer.moving_variance + layer.epsilon)
    delta = ops.cast(delta, "float32")
    return [
        (layer.gamma, sum_positions(delta * moved * scale, measure)),
        (layer.beta, sum_positions(delta, measure)),
    ]


def sum_positions(values: Tensor, measure: Callable) -> Tensor:
    """Sums the measure of vectors over examples.

    Args:
        values: Tensor of shape `(batch_size, ..., units)`.
        measure: Function, see `keras_incremental.regularizers.per_example`.

    Returns:
        Tensor of shape `(units,)`. The vectors of one example are summed over
        its positions before they are measured.
    """
    values = ops.cast(values, "float32")
    inner = tuple(range(1, len(values.shape) - 1))
    return ops.sum(measure(ops.sum(values, inner) if inner else values), 0)


def outer(inputs: Tensor, delta: Tensor, measure: Callable) -> Tensor:
    """Sums the measure of outer products over examples.

    Args:
        inputs: Tensor of shape `(batch_size, ..., i)`.
        delta: Tensor of shape `(batch_size, ..., o)`.
        measure: Function, see `keras_incremental.regularizers.per_example`.

    Returns:
        Tensor of shape `(i, o)`. The products of one example are summed over
        its positions before they are measured.
    """
    return _grouped_outer(
        ops.cast(inputs, "float32"), ops.cast(delta, "float32"), 1, measure
    )


def _grouped_outer(inputs, delta, groups, measure):
    batch, positions = delta.shape[0], math.prod(delta.shape[1:-1])
    wide, deep = inputs.shape[-1] // groups, delta.shape[-1] // groups
    if positions == 1 and groups == 1:
        # A single product for each example: its measure has two factors.
        inputs = ops.reshape(inputs, (batch, wide))
        delta = ops.reshape(delta, (batch, deep))
        return ops.matmul(ops.transpose(measure(inputs)), measure(delta))
    if groups == 1:
        # Without an axis of length one the product needs no transposition.
        inputs = ops.reshape(inputs, (batch, positions, wide))
        delta = ops.reshape(delta, (batch, positions, deep))
        return ops.sum(measure(ops.einsum("npi,npo->nio", inputs, delta)), 0)
    inputs = ops.reshape(inputs, (batch, positions, groups, wide))
    delta = ops.reshape(delta, (batch, positions, groups, deep))
    gradients = ops.einsum("npgi,npgo->nigo", inputs, delta)
    total = ops.sum(measure(gradients), 0)
    return ops.reshape(total, (wide, groups * deep))


def _windows(layer, inputs, delta):
    """Yields the part of the input that each element of a kernel reads."""
    outputs, steps = delta.shape[1:3], layer.strides
    reach = [
        (o - 1) * s + (k - 1) * d + 1
        for o, s, k, d in zip(
            outputs, steps, layer.kernel_size, layer.dilation_rate, strict=True
        )
    ]
    if layer.padding == "same":
        missing = [
            max(r - n, 0) for r, n in zip(reach, inputs.shape[1:3], strict=True)
        ]
        pad = [(m // 2, m - m // 2) for m in missing]
        inputs = ops.pad(inputs, [(0, 0), *pad, (0, 0)])
    for row in range(layer.kernel_size[0]):
        for column in range(layer.kernel_size[1]):
            rows, columns = (
                slice(i * d, i * d + (o - 1) * s + 1, s)
                for i, d, o, s in zip(
                    (row, column),
                    layer.dilation_rate,
                    outputs,
                    steps,
                    strict=True,
                )
            )
            yield inputs[:, rows, columns, :]


def _fits_dense(layer):
    return _owns_only(layer, "kernel", "bias")


def _fits_conv2d(layer):
    own = keras.layers.Conv2D.convolution_op
    return (
        layer.rank == 2
        and getattr(type(layer), "convolution_op", own) is own
        and layer.data_format == "channels_last"
        and _owns_only(layer, "kernel", "bias")
    )


def _fits_batch_norm(layer):
    ndim = layer.input_spec.ndim
    last = layer.axis % ndim == ndim - 1
    return last and _owns_only(layer, "gamma", "beta")


def _owns_only(layer, *names):
    # LoRA keeps its weights under other names.
    known = [id(getattr(layer, name, None)) for name in names]
    return all(id(v) in known for v in layer.trainable_variables)


_RULES = {
    keras.layers.Dense.call: (_dense, _fits_dense),
    keras.layers.Conv2D.call: (_conv2d, _fits_conv2d),
    keras.layers.DepthwiseConv2D.call: (_conv2d, _fits_conv2d),
    keras.layers.BatchNormalization.call: (_batch_norm, _fits_batch_norm),
}
