import keras
import numpy as np
from keras import ops

from keras_incremental.regularizers.quadratic_penalty import QuadraticPenalty
from keras_incremental.utils import state
from keras_incremental.utils.types import Importance
from keras_incremental.utils.variable_keys import trainable_keys
from keras_incremental.utils.variable_keys import variable_keys


def consolidate(
    model: keras.Model,
    importance: Importance,
    strength: float,
    mode: str = "separate",
    decay: float = 1.0,
) -> None:
    """Adds a penalty for changing important weights to a model.

    It sets `variable.regularizer` to a `QuadraticPenalty` around the current
    weights. Penalties of earlier phases are merged into the new ones. Other
    regularizers are kept as well. Frozen variables, and variables without
    importance, are not changed.

    With the importance `F` and the reference `r` of earlier phases, the new
    importance `G` and the current weight `w`, the penalty has

        "separate":  importance F + G,        reference (F r + G w) / (F + G)
        "online":    importance decay F + G,  reference w

    Up to a constant, `"separate"` equals the sum of one penalty for each
    phase.

    Reference:
    - [Kirkpatrick et al., 2017](https://arxiv.org/abs/1612.00796)
    - [Schwarz et al., 2018](https://arxiv.org/abs/1805.06370), the online
      form

    Args:
        model: Built model. Changed in place.
        importance: Dict of variable paths and arrays of their shape. See
            `fisher_importance`. Of variables that share a path, the second
            is `path#2`.
        strength: Float, 0 or more. Strength of the whole penalty, earlier
            phases included. A larger value keeps old classes better and
            learns new classes less.
        mode: `"separate"` or `"online"`. Defaults to `"separate"`.
        decay: Float from 0 to 1, only for `"online"`. A smaller value
            forgets earlier phases faster. Defaults to `1.0`.

    Raises:
        ValueError: if the mode is unknown, the decay is out of range, or an
            array does not belong to a variable of the model.
    """
    check_mode(mode, decay)
    _check_paths(model, importance)
    merge = _MERGES[mode]
    penalties = [
        (variable, _merged(variable, importance[key], strength, merge, decay))
        for key, variable in trainable_keys(model)
        if key in importance
    ]
    for variable, penalty in penalties:
        variable.regularizer = penalty
    state.forget_compiled(model)


def remove_penalties(model: keras.Model) -> None:
    """Removes the penalties of `consolidate` from a model.

    Earlier regularizers of the variables are restored.

    Args:
        model: Built model. Changed in place.
    """
    for variable in model.variables:
        if isinstance(variable.regularizer, QuadraticPenalty):
            variable.regularizer = variable.regularizer.also
    state.forget_compiled(model)


def scale_importance(
    importance: Importance,
    normalize: bool = False,
    clip_percentile: float | None = None,
) -> Importance:
    """Clips the largest values of an importance, and normalizes its mean.

    Args:
        importance: Dict of paths and arrays.
        normalize: Boolean. Whether to divide by the mean of all values, so
            that a strength transfers to other models. Defaults to `False`.
        clip_percentile: Float from 0 to 100, or `None`. Values are clipped
            at this percentile of all values, before normalization. A smaller
            value allows a larger learning rate. Defaults to `None`.

    Returns:
        A new dict.
    """
    values = np.concatenate([v.ravel() for v in importance.values()])
    if clip_percentile is not None:
        values = np.minimum(values, np.percentile(values, clip_percentile))
    highest, mean = np.max(values), np.mean(values, dtype="float64")
    divisor = mean if normalize and mean > 0 else 1.0
    return {
        path: (np.minimum(value, highest) / divisor).astype("float32")
        for path, value in importance.items()
    }


def largest_curvature(model: keras.Model) -> float:
    """Returns the largest `strength * importance` of all penalties."""
    penalties = [
        v.regularizer
        for v in model.trainable_variables
        if isinstance(v.regularizer, QuadraticPenalty)
    ]
    return max(
        (p.strength * float(p.importance.max()) for p in penalties), default=0.0
    )


def check_mode(mode: str, decay: float) -> None:
    """Raises a `ValueError` for an invalid mode or decay."""
    if mode not in _MERGES:
        raise ValueError(
            f"`mode` must be one of {tuple(_MERGES)}. Received: mode={mode!r}."
        )
    if not 0 <= decay <= 1 or mode == "separate" and decay != 1:
        raise ValueError(
            "`decay` must be from 0 to 1, and 1 with mode='separate', which "
            f"forgets nothing. Received: mode={mode!r}, decay={decay}. Use "
            "mode='online'."
        )


def _merged(variable, importance, strength, merge, decay):
    weight = ops.convert_to_numpy(variable).astype("float64")
    new = np.asarray(importance, "float64")
    earlier = variable.regularizer
    if not isinstance(earlier, QuadraticPenalty):
        return QuadraticPenalty(new, weight, strength, also=earlier)
    merged, reference = merge(
        earlier.importance, earlier.reference, new, weight, decay
    )
    return QuadraticPenalty(merged, reference, strength, also=earlier.also)


def _separate(earlier, reference, new, weight, decay):
    total = earlier + new
    pulled = earlier * reference + new * weight
    return total, np.divide(pulled, total, out=weight.copy(), where=total > 0)


def _online(earlier, reference, new, weight, decay):
    return decay * earlier + new, weight


_MERGES = {"separate": _separate, "online": _online}


def _check_paths(model, importance):
    shapes = {key: tuple(v.shape) for key, v in variable_keys(model)}
    wrong = [
        path
        for path, value in importance.items()
        if shapes.get(path) != np.shape(value)
    ]
    if wrong:
        raise ValueError(
            f"`importance` must have the paths and shapes of the variables of "
            f"model '{model.name}'. Received: unknown paths or wrong shapes "
            f"{wrong[:5]}. Compute the importance again after a model is "
            "expanded or loaded."
        )
