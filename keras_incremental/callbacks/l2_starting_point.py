import keras
import numpy as np
from keras import ops

from keras_incremental.callbacks.phase_callback import PhaseCallback
from keras_incremental.callbacks.weight_protection import check_step_size
from keras_incremental.callbacks.weight_protection import checked_strength
from keras_incremental.regularizers.quadratic_penalty import QuadraticPenalty
from keras_incremental.utils import state
from keras_incremental.utils.export import export
from keras_incremental.utils.graph import split_head
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Logs

ANCHORS = ("start", "previous")


@export
class L2StartingPoint(PhaseCallback):
    """Keeps fine-tuned kernels close to their starting point.

    When `fit` begins, every trainable kernel below the head gets the penalty
    `alpha / 2 * sum((kernel - reference)**2)`. Kernels of the head get `beta /
    2 * sum(kernel**2)`. Biases and the weights of normalization layers are
    not penalized. The penalties also apply to later fits. See
    `regularizers.remove_penalties`.

    It replaces weight decay, which pulls toward 0: do not use decay in the
    optimizer, or exclude these kernels from it. Do not combine it with
    another callback that protects weights.

    Reference:
    - [Li et al., 2018](https://arxiv.org/abs/1802.01483)

    Args:
        alpha: Float, 0 or more. A larger value keeps kernels closer to the
            starting point. Defaults to `0.01`.
        beta: Float, 0 or more. A larger value keeps the kernel of the head
            smaller. Defaults to `0.01`.
        anchor: `"start"`, the weights before the first `fit`, such as those
            of a pretrained backbone, or `"previous"`, the weights before
            each `fit`, to prevent forgetting. Defaults to `"start"`.

    Raises:
        ValueError: when `fit` begins, if the head of the model cannot be
            found, or with SGD if `learning_rate * max(alpha, beta)` is 2 or
            more, so that training would diverge.

    Example:

    >>> callbacks = [L2StartingPoint(alpha=0.1)]
    """

    protects_weights = True

    def __init__(
        self, alpha: float = 0.01, beta: float = 0.01, anchor: str = "start"
    ):
        super().__init__()
        if anchor not in ANCHORS:
            raise ValueError(
                f"`anchor` of L2StartingPoint must be one of {ANCHORS}. "
                f"Received: anchor={anchor!r}."
            )
        self.alpha = checked_strength("alpha", alpha, self)
        self.beta = checked_strength("beta", beta, self)
        self.anchor = anchor

    def on_train_begin(self, logs: Logs = None) -> None:
        check_step_size(self.model, max(self.alpha, self.beta))
        own = {id(v) for v in split_head(self.model).head.variables}
        for variable in kernels(self.model):
            if id(variable) in own:
                variable.regularizer = _toward(variable, 0.0, self.beta)
            elif self.anchor == "previous" or not _anchored(variable):
                variable.regularizer = _toward(variable, 1.0, self.alpha)
        # `fit` has already built its step, without the penalties.
        state.forget_compiled(self.model)
        state.trace_again(self.model)

    def get_config(self) -> Config:
        return {"alpha": self.alpha, "beta": self.beta, "anchor": self.anchor}


def kernels(model: keras.Model) -> list[keras.Variable]:
    """Returns the trainable kernels of a model."""
    return [v for v in model.trainable_variables if "kernel" in v.name]


def _anchored(variable):
    return isinstance(variable.regularizer, QuadraticPenalty)


def _toward(variable, share, strength):
    """Returns a penalty around `share` times the current weight."""
    value = ops.convert_to_numpy(variable)
    earlier = variable.regularizer
    also = earlier.also if _anchored(variable) else earlier
    ones = np.ones_like(value)
    return QuadraticPenalty(ones, share * value, strength, also)
