import keras
from keras import ops

from keras_incremental.losses.function_loss import as_loss
from keras_incremental.regularizers.quadratic_penalty import QuadraticPenalty
from keras_incremental.utils.export import export
from keras_incremental.utils.state import Untracked
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Importance
from keras_incremental.utils.types import LossLike
from keras_incremental.utils.variable_keys import trainable_keys
from keras_incremental.utils.variable_keys import variable_keys


@export
class EWCLoss(keras.losses.Loss):
    """Adds an elastic weight consolidation penalty to a Keras loss.

    It works with plain `compile` and needs no callback. The value is

        loss(y_true, y_pred) + strength / 2 * sum(importance * (w - w*)**2)

    summed over the trainable variables of the model, where `w*` are the
    weights at the time when the loss is created. Weights that are added later
    are free. Importance and reference are not saved: call `attach` after
    loading a model.

    Reference:
    - [Kirkpatrick et al., 2017](https://arxiv.org/abs/1612.00796)

    Args:
        loss: Keras loss, its name, or a function `(y_true, y_pred)`.
        model: Built model whose weights are penalized. Not saved with the
            loss. Defaults to `None`: call `attach`.
        importance: Dict of variable paths and arrays of their shape. See
            `fisher_importance`. Defaults to `None`.
        strength: Float, 0 or more. A larger value keeps old classes better
            and learns new ones less. Defaults to `1e3`.
        name: String. Defaults to `"ewc_loss"`.

    Raises:
        ValueError: if an array belongs to no variable of the model. When
            called: if no model is attached, or a variable no longer exists.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    >>> ones = {v.path: np.ones(v.shape) for v in model.trainable_variables}
    >>> loss = EWCLoss("mse", model, ones, strength=10.0)
    >>> value = loss(np.zeros((1, 3)), np.zeros((1, 3)))
    >>> keras.ops.convert_to_numpy(value).item()
    0.0
    """

    def __init__(
        self,
        loss: LossLike,
        model: keras.Model | None = None,
        importance: Importance | None = None,
        strength: float = 1e3,
        name: str = "ewc_loss",
    ):
        super().__init__(name=name)
        self._loss = as_loss(loss)
        if not 0 <= strength < float("inf"):
            raise ValueError(
                "`strength` of EWCLoss must be a finite number of 0 or more. "
                f"Received: strength={strength}."
            )
        self.strength = float(strength)
        # The saver walks through the attributes of a loss.
        self._attached = Untracked(None)
        if model is not None or importance is not None:
            self.attach(model, importance)

    def attach(
        self, model: keras.Model | None, importance: Importance | None
    ) -> None:
        """Sets the model, its importance, and its current weights as reference.

        Args:
            model: Built model.
            importance: Dict of variable paths and arrays. Of variables that
                share a path, the second is `path#2`, as in what
                `fisher_importance` returns.
        """
        if model is None or importance is None:
            raise ValueError(
                "EWCLoss needs both `model` and `importance`. Received: "
                f"model={model}, importance={importance}. Compute the "
                "importance with `fisher_importance(model, data)`."
            )
        variables = dict(variable_keys(model))
        _check_known(importance, variables, model)
        penalties = {
            key: QuadraticPenalty(
                value, ops.convert_to_numpy(variables[key]), self.strength
            )
            for key, value in importance.items()
        }
        self._attached = Untracked((model, penalties))

    def __call__(self, y_true, y_pred, sample_weight=None):
        return self._loss(y_true, y_pred, sample_weight) + self._penalty()

    def _penalty(self):
        if self._attached.value is None:
            raise ValueError(
                "EWCLoss has no model to protect, because importance and "
                "reference are not saved with it. Received: a loss without "
                "`attach`. Call `loss.attach(model, importance)`, then "
                "compile the model again."
            )
        model, penalties = self._attached.value
        _check_known(penalties, dict(variable_keys(model)), model)
        return sum(
            (
                penalties[key](variable)
                for key, variable in trainable_keys(model)
                if key in penalties
            ),
            ops.zeros(()),
        )

    def get_config(self) -> Config:
        return {
            "loss": keras.losses.serialize(self._loss),
            "strength": self.strength,
            "name": self.name,
        }


def _check_known(paths, variables, model):
    gone = [path for path in paths if path not in variables]
    if gone:
        raise ValueError(
            f"EWCLoss protects variables that model '{model.name}' does not "
            f"have. Received: paths {gone[:5]}. Paths change when a model is "
            "loaded, or when its head joins blocks of weights. Compute the "
            "importance again and call `loss.attach(model, importance)`."
        )
