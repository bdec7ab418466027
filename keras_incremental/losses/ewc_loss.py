import keras
import numpy as np
from keras import ops

from keras_incremental.regularizers.quadratic_penalty import QuadraticPenalty
from keras_incremental.utils.export import export
from keras_incremental.utils.state import Untracked


@export
class EWCLoss(keras.losses.Loss):
    """A Keras loss plus a pull toward the present weights of a model.

    For a plain `compile`, without callbacks. With `w*`, the weights when the
    loss was made, the value is

        loss(y_true, y_pred) + strength / 2 * sum(importance * (w - w*)**2)

    over the trainable variables of the model. Weights that arrive later are
    free. A loaded model has lost importance and reference: call `attach`.

    Reference:
    - [Kirkpatrick et al., 2017](https://arxiv.org/abs/1612.00796)

    Args:
        loss: Keras loss, its name, or a function `(y_true, y_pred)`.
        model: Built model whose weights are pulled. Not saved with the loss.
        importance: Dict from paths of variables to arrays of their shape, as
            `fisher_importance` returns.
        strength: Float, 0 or more. A larger value keeps old classes better
            and learns new ones less. Defaults to `1e3`.
        name: String. Defaults to `"ewc_loss"`.

    Raises:
        ValueError: if an array belongs to no variable of the model; when
            called, if nothing is attached or a variable is gone.

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
        loss,
        model=None,
        importance: dict[str, np.ndarray] | None = None,
        strength: float = 1e3,
        name: str = "ewc_loss",
    ):
        super().__init__(name=name)
        self._identifier = keras.losses.get(loss)
        if self._identifier is None:
            raise ValueError(
                "EWCLoss must be given a Keras loss. Received: loss=None. "
                "Pass an object or a name such as 'mse'."
            )
        self._loss = _as_loss(self._identifier)
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

    def attach(self, model, importance) -> None:
        """Pulls `model` toward its present weights from now on.

        Args:
            model: Built model.
            importance: Dict from paths of variables to arrays.
        """
        if model is None or importance is None:
            raise ValueError(
                "EWCLoss needs both a model and its importance. Received: "
                f"model={model}, importance={importance}."
            )
        variables = _by_path(model)
        _check_known(importance, variables, model)
        penalties = {
            path: QuadraticPenalty(
                value, ops.convert_to_numpy(variables[path]), self.strength
            )
            for path, value in importance.items()
        }
        self._attached = Untracked((model, penalties))

    def __call__(self, y_true, y_pred, sample_weight=None):
        return self._loss(y_true, y_pred, sample_weight) + self._penalty()

    def _penalty(self):
        if self._attached.value is None:
            raise ValueError(
                "EWCLoss does not know what to protect: importance and "
                "reference are not saved with it. Call "
                "`loss.attach(model, importance)`, then compile again."
            )
        model, penalties = self._attached.value
        _check_known(penalties, _by_path(model), model)
        return sum(
            (
                penalties[v.path](v)
                for v in model.trainable_variables
                if v.path in penalties
            ),
            ops.zeros(()),
        )

    def get_config(self):
        return {
            "loss": keras.losses.serialize(self._identifier),
            "strength": self.strength,
            "name": self.name,
        }


class _FunctionLoss(keras.losses.Loss):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, y_true, y_pred):
        missing = len(y_pred.shape) - len(y_true.shape)
        if missing == 1 and y_pred.shape[-1] == 1:
            y_true = ops.expand_dims(y_true, -1)
        return self.function(y_true, y_pred)


def _as_loss(loss):
    return loss if isinstance(loss, keras.losses.Loss) else _FunctionLoss(loss)


def _by_path(model):
    return {v.path: v for v in model.variables}


def _check_known(paths, variables, model):
    gone = [path for path in paths if path not in variables]
    if gone:
        raise ValueError(
            f"EWCLoss protects variables that model '{model.name}' does not "
            f"have. Received: {gone[:5]}. A head that joins blocks of weights "
            "and a model that was loaded have other paths: compute the "
            "importance anew and call `loss.attach(model, importance)`."
        )
