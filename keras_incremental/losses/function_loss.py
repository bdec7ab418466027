"""Losses of Keras in any form, and the labels that they read."""

import inspect
import re
from typing import Any
from typing import Self

import keras
from keras import ops

from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Function
from keras_incremental.utils.types import LossLike
from keras_incremental.utils.types import Tensor


@export
class FunctionLoss(keras.losses.Loss):
    """Wraps a function of labels and predictions as a `keras.losses.Loss`.

    Args:
        function: Function `(y_true, y_pred)` that returns one value for
            each sample, or the name of a Keras loss.
        reduction: See `keras.losses.Loss`. Defaults to
            `"sum_over_batch_size"`.
        name: String. Defaults to the name of the function, without signs
            that TensorFlow takes in no name, such as those of `<lambda>`.
    """

    def __init__(
        self,
        function: Function | str,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
    ):
        function = keras.losses.get(function)
        super().__init__(
            name=name or _name_of(function),
            reduction=reduction,
            dtype="float32",
        )
        self.function = function

    @property
    def from_logits(self) -> bool | None:
        """Default of the argument `from_logits`; `None` if there is none."""
        argument = inspect.signature(self.function).parameters.get(
            "from_logits"
        )
        return None if argument is None else argument.default

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        missing = len(y_pred.shape) - len(y_true.shape)
        if missing == 1 and y_pred.shape[-1] == 1:
            y_true = ops.expand_dims(y_true, -1)
        return self.function(y_true, y_pred)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "function": keras.losses.serialize(self.function),
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        function = keras.losses.deserialize(config.pop("function"))
        return cls(function, **config)


def _name_of(function):
    name = re.sub(r"\W|^_+", "", getattr(function, "__name__", ""))
    return name or "function_loss"


def as_loss(identifier: LossLike) -> keras.losses.Loss:
    """Returns a loss object for a loss, a function, a name or a config."""
    loss = keras.losses.get(identifier)
    if isinstance(loss, keras.losses.Loss):
        return loss
    if not callable(loss):
        raise ValueError(
            "`loss` must be a `keras.losses.Loss`, a function, or the name "
            f"of a loss. Received: loss={identifier!r}. Pass a loss object, "
            "or a name such as 'mse'."
        )
    return FunctionLoss(loss)


def compiled_loss(model: keras.Model) -> Any:
    """Returns the loss that a model with one output was compiled with.

    Args:
        model: `keras.Model`, compiled or not.

    Returns:
        A loss, its name or a function, also where it came in a list or dict.
        `None` if there is none, or one for each of several outputs.
    """
    loss = getattr(model, "loss", None)
    if not isinstance(loss, (dict, list, tuple)):
        return loss
    losses = keras.tree.flatten(loss)
    return losses[0] if len(losses) == 1 else None


def takes_logits(loss: keras.losses.Loss) -> bool | None:
    """Returns whether a loss takes logits; `None` if it does not say."""
    if hasattr(loss, "from_logits"):
        return loss.from_logits
    return loss.get_config().get("from_logits")


def reads_one_hot(loss: keras.losses.Loss) -> bool:
    """Returns whether a loss of Keras reads labels as wide as the outputs."""
    name = _name_in_keras(loss)
    return bool(name) and "sparse" not in name


def reads_indices(loss: keras.losses.Loss) -> bool:
    """Returns whether a loss of Keras reads the index of each class."""
    return "sparse" in _name_in_keras(loss)


def is_binary(loss: keras.losses.Loss) -> bool:
    """Returns whether a loss of Keras asks each output for a yes or a no."""
    return _name_in_keras(loss).startswith("binary")


def _name_in_keras(loss):
    """Returns the name of the function of a loss of Keras, else `""`."""
    function = getattr(loss, "function", getattr(loss, "fn", None))
    of_keras = getattr(function, "__module__", "").startswith("keras.")
    return function.__name__ if of_keras else ""


def label_widths(loss: keras.losses.Loss, num_classes: int) -> set[int]:
    """Returns the possible sizes of the last dimension of labels."""
    function = getattr(loss, "function", None)
    name = getattr(function, "__name__", type(loss).__name__).lower()
    if "sparse" in name or "candidate" in name:
        return {1}
    if "categorical" in name or "binary" in name:
        return {num_classes}
    return {1, num_classes}


class OneHotLabels(keras.losses.Loss):
    """A loss of one-hot labels, computed of ints.

    Labels outside the classes, such as -1, do not count.

    Args:
        loss: `keras.losses.Loss`, such as `CategoricalCrossentropy`.
    """

    def __init__(self, loss: keras.losses.Loss):
        super().__init__(name=loss.name, reduction=None, dtype="float32")
        self.loss = loss

    def __call__(self, y_true, y_pred, sample_weight=None):
        size = y_pred.shape[-1]
        labels = ops.cast(y_true, "int32")
        known = ops.cast(ops.logical_and(labels >= 0, labels < size), "float32")
        if sample_weight is not None:
            known = known * ops.cast(sample_weight, "float32")
        return self.loss(ops.one_hot(labels, size), y_pred, known)


def of_ints(loss: LossLike) -> LossLike:
    """Returns a loss of int labels, whatever labels a loss of Keras reads."""
    loss = as_loss(loss)
    return OneHotLabels(loss) if reads_one_hot(loss) else loss
