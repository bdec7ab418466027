"""Gradients of the log-likelihood with respect to the logits.

The gradient of `log p(y | x)` is `y - mean` for softmax outputs (`y` one-hot)
and for sigmoid outputs (`y` of zeros and ones), so no logarithm is computed.
"""

import contextlib
import dataclasses
from collections.abc import Callable

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from keras_incremental.regularizers.per_example.calls import replaced
from keras_incremental.utils.graph import split_head


@dataclasses.dataclass(frozen=True)
class Family:
    """Distribution of labels for given logits.

    Attributes:
        mean: Function from logits to probabilities.
        root: Function `(mean, index)`. The outer products of its values,
            summed over all classes, are the Fisher matrix of the logits.
        draw: Function `(mean, uniform)`. It draws labels from uniform random
            numbers.
    """

    mean: Callable
    root: Callable
    draw: Callable


def _softmax_root(mean, index):
    chosen = ops.one_hot(index, mean.shape[-1], dtype="float32")
    share = ops.sum(mean * chosen, -1, keepdims=True)
    return ops.sqrt(share) * (chosen - mean)


def _sigmoid_root(mean, index):
    chosen = ops.one_hot(index, mean.shape[-1], dtype="float32")
    return ops.sqrt(mean * (1 - mean)) * chosen


def _softmax_draw(mean, uniform):
    below = ops.cumsum(mean, -1) < uniform[:, :1]
    count = ops.sum(ops.cast(below, "int32"), -1)
    last = mean.shape[-1] - 1
    return ops.one_hot(ops.minimum(count, last), last + 1, dtype="float32")


def _sigmoid_draw(mean, uniform):
    return ops.cast(uniform < mean, "float32")


SOFTMAX = Family(lambda z: ops.softmax(z, -1), _softmax_root, _softmax_draw)
SIGMOID = Family(ops.sigmoid, _sigmoid_root, _sigmoid_draw)


def logits_of(
    model: keras.Model, from_logits: bool | None = None
) -> tuple[Callable, str | None]:
    """Returns a function that computes the float32 logits of a batch.

    Args:
        model: Built classifier.
        from_logits: Boolean or `None`. Whether the outputs are logits.
            Defaults to `None`: inferred from the activation of the last
            layer.

    Returns:
        The function, and the name of the last activation: `"softmax"`,
        `"sigmoid"`, or `None` if it is unknown.
    """
    if from_logits is not None:
        return _declared(model, from_logits), None
    try:
        split = split_head(model)
    except ValueError as error:
        raise ValueError(
            f"Cannot infer from the layers of model '{model.name}' whether "
            "its outputs are logits or probabilities. Received: "
            "from_logits=None. Pass `from_logits=True` or "
            "`from_logits=False`."
        ) from error

    def predict(x):
        features = split.features(x, training=False)
        with _without_activation(split.head):
            scores = split.head(features, training=False)
        return _checked(model, split.affine(scores))

    return predict, split.activation


def _declared(model, from_logits):
    def predict(x):
        outputs = _checked(model, model(x, training=False))
        return outputs if from_logits else _log_odds(outputs)

    return predict


def _log_odds(probabilities):
    tiny = keras.config.epsilon() ** 4
    logs = ops.log(ops.maximum(probabilities, tiny))
    if probabilities.shape[-1] > 1:
        return logs
    return logs - ops.log(ops.maximum(1 - probabilities, tiny))


def _without_activation(head):
    if vars(head).get("activation") is None:
        return contextlib.nullcontext()
    return replaced(head, "activation", keras.activations.linear)


def _checked(model, outputs):
    shape = getattr(outputs, "shape", ())
    if len(shape) != 2:
        raise ValueError(
            f"Model '{model.name}' must have one output of shape "
            "(batch_size, num_classes). Received: an output of shape "
            f"{tuple(shape)}. Pass a classifier with a single head."
        )
    return ops.cast(outputs, "float32")


def family_of(activation: str | None, units: int) -> Family:
    """Returns the `Family` of a classifier with `units` outputs."""
    return SIGMOID if activation == "sigmoid" or units == 1 else SOFTMAX


def targets_of(labels: ArrayLike, family: Family, units: int) -> np.ndarray:
    """Converts labels to an array of shape `(batch_size, units)`.

    Args:
        labels: Class indices of shape `(batch_size,)` or `(batch_size, 1)`,
            or one value for each unit.
        family: `SOFTMAX` or `SIGMOID`.
        units: Int. Number of outputs of the classifier.

    Returns:
        Float32 array.

    Raises:
        ValueError: if the shape or the range of the labels does not fit.
    """
    labels = np.asarray(labels)
    if labels.shape[1:] == (units,) or labels.ndim == 1 and units == 1:
        values = _in_range(labels, 1)
        return values.reshape(-1, units).astype("float32")
    if labels.shape[1:] not in ((), (1,)) or family is SIGMOID:
        raise ValueError(
            "Labels must be class indices, or one value for each of the "
            f"{units} outputs of the model. Received: labels of shape "
            f"{labels.shape}. Pass labels of shape (batch_size,) or "
            f"(batch_size, {units})."
        )
    indices = _in_range(labels.reshape(-1), units - 1)
    return np.eye(units, dtype="float32")[indices.astype("int64")]


def _in_range(labels, highest):
    if labels.dtype.kind not in "biuf":
        raise TypeError(
            "Labels must be numbers, the indices of outputs of the model. "
            f"Received: labels of dtype {labels.dtype}. Map names to indices."
        )
    outside = ~((labels >= 0) & (labels <= highest))
    if np.any(outside):
        raise ValueError(
            f"Labels must be from 0 to {highest}, the range of the outputs "
            "of the model. Received: labels="
            f"{np.unique(labels[outside])[:5].tolist()}. Add the new classes "
            "to the head first, or correct the labels."
        )
    return labels
