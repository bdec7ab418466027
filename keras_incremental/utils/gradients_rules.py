"""Rules for per-example gradients from one batched backward pass.

A rule is a function `(layer, inputs, delta, measure)` of the inputs of a layer
and the gradient with respect to its output before the activation. It returns
pairs `(variable, array)`: the sums over examples of `measure(gradient)`. The
measure must satisfy `measure(a * b) == measure(a) * measure(b)`, like the
square and the absolute value.
"""

import math
from collections.abc import Callable

import keras
from keras import ops


def rule_of(layer: keras.layers.Layer) -> Callable | None:
    """Returns the rule of a layer, or `None`."""
    if "call" in vars(layer) or isinstance(
        getattr(layer, "activation", None), keras.Layer
    ):
        return None
    if _calls(layer, "call_block") == "ExpandableDense.call_block":
        # By name, because this module cannot import the heads.
        known = _calls(layer, "call") == "ExpandableDense.call"
        return _blocks if known and not layer.has_splits else None
    rule, fits = _RULES.get(getattr(type(layer), "call", None), (None, None))
    return rule if rule is not None and fits(layer) else None


def _dense(layer, inputs, delta, measure):
    bias = _sum_positions(delta, measure)
    return [(layer.kernel, _outer(inputs, delta, measure)), (layer.bias, bias)]


def _blocks(layer, inputs, delta, measure):
    kernel = _outer(inputs, delta, measure)
    bias = _sum_positions(delta, measure)
    found, start = [], 0
    for index, variable in enumerate(layer._columns["kernel"]):
        part = slice(start, start + variable.shape[-1])
        found.append((variable, kernel[:, part]))
        if layer.use_bias:
            found.append((layer._columns["bias"][index], bias[part]))
        start = part.stop
    return found


def _conv2d(layer, inputs, delta, measure):
    groups = getattr(layer, "groups", inputs.shape[-1])
    delta = ops.cast(delta, "float32")
    bias = _sum_positions(delta, measure)
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
        (layer.gamma, _sum_positions(delta * moved * scale, measure)),
        (layer.beta, _sum_positions(delta, measure)),
    ]


def _sum_positions(values, measure):
    """Reduces `(batch_size, ..., units)` to `(units,)`."""
    values = ops.cast(values, "float32")
    inner = tuple(range(1, len(values.shape) - 1))
    return ops.sum(measure(ops.sum(values, inner) if inner else values), 0)


def _outer(inputs, delta, measure):
    """Reduces `(batch_size, ..., i)` and `(batch_size, ..., o)` to `(i, o)`."""
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


def _calls(layer, name):
    return getattr(getattr(type(layer), name, None), "__qualname__", None)


_RULES = {
    keras.layers.Dense.call: (_dense, _fits_dense),
    keras.layers.Conv2D.call: (_conv2d, _fits_conv2d),
    keras.layers.DepthwiseConv2D.call: (_conv2d, _fits_conv2d),
    keras.layers.BatchNormalization.call: (_batch_norm, _fits_batch_norm),
}
