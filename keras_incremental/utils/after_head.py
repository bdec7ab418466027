"""What follows the head of a classifier, and what it does to the scores."""

import dataclasses
import functools
import math
from collections.abc import Iterable

import keras

from keras_incremental.utils import state
from keras_incremental.utils.types import Tensor

PROBABILITIES = ("softmax", "sigmoid")
# Their outputs are logits: the softmax of both is the same.
ACTIVATIONS = (*PROBABILITIES, "log_softmax")
OPERATIONS = {"Softmax": "softmax", "Sigmoid": "sigmoid"}
OPERATIONS["LogSoftmax"] = "log_softmax"
# Of maps: they give the same below a head that looks at one place at a time.
AVERAGES = (
    keras.layers.AveragePooling1D,
    keras.layers.AveragePooling2D,
    keras.layers.AveragePooling3D,
    keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalAveragePooling3D,
    keras.layers.Resizing,
    keras.layers.UpSampling1D,
    keras.layers.UpSampling2D,
    keras.layers.UpSampling3D,
)
# Those that do nothing in inference mode.
IDENTITIES = (
    keras.layers.ActivityRegularization,
    keras.layers.AlphaDropout,
    keras.layers.Dropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.Identity,
    keras.layers.SpatialDropout2D,
)


@dataclasses.dataclass(frozen=True)
class Affine:
    """The map `scale * x + offset` of all scores."""

    scale: float = 1.0
    offset: float = 0.0

    def __call__(self, scores: Tensor) -> Tensor:
        return scores if self == Affine() else self.scale * scores + self.offset

    def then(self, other: "Affine") -> "Affine":
        """Returns the map that applies this one first."""
        offset = other.scale * self.offset + other.offset
        return Affine(self.scale * other.scale, offset)


def is_after_head(operation: keras.Operation) -> bool:
    """Returns whether what an operation does to scores is known."""
    return not getattr(operation, "weights", ()) and (
        activation_of(operation) is not None
        or is_identity(operation)
        or is_place_wise(operation)
        or affine_of(operation) is not None
    )


def activation_of(operation: keras.Operation) -> str | None:
    """Returns the name of an activation layer or operation, or `None`."""
    if isinstance(operation, keras.layers.Softmax):
        return "softmax"
    if isinstance(operation, keras.layers.Activation):
        return name_of(operation.activation)
    if isinstance(operation, keras.layers.Layer):
        return None
    return OPERATIONS.get(type(operation).__name__)


def is_identity(operation: keras.Operation) -> bool:
    """Returns whether an operation does nothing in inference mode."""
    return isinstance(operation, IDENTITIES) or (
        activation_of(operation) == "linear"
    )


def is_place_wise(operation: keras.Operation) -> bool:
    """Returns whether an operation may as well come before the head.

    It moves or averages places of a map, and no channels.
    """
    if isinstance(operation, AVERAGES):
        return True
    shapers = (keras.layers.Flatten, keras.layers.Reshape)
    return isinstance(operation, shapers) and _has_one_place(operation)


def _has_one_place(layer):
    before, after = layer.input.shape[1:], layer.output.shape[1:]
    return None not in before and math.prod(before) == before[-1] == after[-1]


def placed_below(operation: keras.Operation, tensor: Tensor) -> Tensor:
    """Applies what `is_place_wise` allows to the inputs of the head."""
    config = operation.get_config()
    if isinstance(operation, keras.layers.Reshape):
        config["target_shape"] = (*config["target_shape"][:-1], -1)
    return type(operation).from_config(config)(tensor)


def affine_of(operation: keras.Operation) -> Affine | None:
    """Returns the map of a layer or an operation with numbers, or `None`."""
    if isinstance(operation, keras.layers.Rescaling):
        numbers = (_number(operation.scale), _number(operation.offset))
        return None if None in numbers else Affine(*numbers)
    rule = _RULES.get(type(operation).__name__)
    if rule is None or isinstance(operation, keras.layers.Layer):
        return None
    values = state.arguments_of(operation)
    if len(values) != 2:
        return None
    first, second = map(_number, values)
    if (first is None) == (second is None):
        return None
    return rule(first, second)


def _number(value):
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _product(first, second):
    return Affine(second if first is None else first)


def _quotient(first, second):
    return Affine(1 / second) if first is None and second else None


def _sum(first, second):
    return Affine(offset=second if first is None else first)


def _difference(first, second):
    return Affine(offset=-second) if first is None else Affine(-1.0, first)


_RULES = {
    "Multiply": _product,
    "Divide": _quotient,
    "TrueDivide": _quotient,
    "Add": _sum,
    "Subtract": _difference,
}


def composed(maps: Iterable[Affine]) -> Affine:
    """Returns the map that applies maps in their order."""
    return functools.reduce(Affine.then, maps, Affine())


def name_of(activation: object) -> str:
    """Returns the name of an activation function."""
    return getattr(activation, "__name__", str(activation))
