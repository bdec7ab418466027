import inspect

import keras

from keras_incremental.utils.export import export


@export
class FunctionLoss(keras.losses.Loss):
    """A function of labels and predictions, as a `keras.losses.Loss`.

    Args:
        function: Function of `(y_true, y_pred)` that gives one value for
            each example, or the name of one that Keras knows.
        reduction: See `keras.losses.Loss`. Defaults to
            `"sum_over_batch_size"`.
        name: String. Defaults to the name of the function.
    """

    def __init__(self, function, reduction="sum_over_batch_size", name=None):
        function = keras.losses.get(function)
        super().__init__(
            name=name or function.__name__, reduction=reduction, dtype="float32"
        )
        self.function = function

    @property
    def from_logits(self):
        """Whether the function takes logits; `None` if it does not say."""
        argument = inspect.signature(self.function).parameters.get(
            "from_logits"
        )
        return None if argument is None else argument.default

    def call(self, y_true, y_pred):
        return self.function(y_true, y_pred)

    def get_config(self):
        return {
            **super().get_config(),
            "function": keras.losses.serialize(self.function),
        }

    @classmethod
    def from_config(cls, config):
        function = keras.losses.deserialize(config.pop("function"))
        return cls(function, **config)


def as_loss(identifier) -> keras.losses.Loss:
    """A loss object from a loss, a function, a name or a configuration."""
    loss = keras.losses.get(identifier)
    if isinstance(loss, keras.losses.Loss):
        return loss
    if not callable(loss):
        raise ValueError(
            "A loss must be a `keras.losses.Loss`, a function, or the name "
            f"of one. Received: {identifier!r}."
        )
    return FunctionLoss(loss)


def takes_logits(loss: keras.losses.Loss) -> bool | None:
    """Whether a loss takes logits; `None` if it does not say."""
    if isinstance(loss, FunctionLoss):
        return loss.from_logits
    return loss.get_config().get("from_logits")


def label_widths(loss: keras.losses.Loss, num_classes: int) -> set[int]:
    """Which last dimensions the labels of a loss may have, by its name."""
    function = getattr(loss, "function", None)
    name = getattr(function, "__name__", type(loss).__name__).lower()
    if "sparse" in name or "candidate" in name:
        return {1}
    if "categorical" in name or "binary" in name:
        return {num_classes}
    return {1, num_classes}
