import numpy as np
from keras import ops

from keras_incremental.regularizers.quadratic_penalty import QuadraticPenalty
from keras_incremental.utils import state


def consolidate(
    model,
    importance: dict[str, np.ndarray],
    strength: float,
    mode: str = "separate",
    decay: float = 1.0,
) -> None:
    """Makes the next `fit` keep the weights that are important now.

    Sets `variable.regularizer` to a `QuadraticPenalty` around the present
    weights. A penalty of earlier phases goes into the new one; a regularizer
    of another kind is kept beside it. Frozen variables, and those without
    importance, stay as they are.

    With importance `F` and reference `r` of earlier phases, new importance
    `G` and present weight `w`, the penalty has

        "separate":  importance F + G,        reference (F r + G w) / (F + G)
        "online":    importance decay F + G,  reference w

    Up to a constant, `"separate"` equals one penalty for each phase, for any
    number of phases.

    Reference:
    - [Kirkpatrick et al., 2017](https://arxiv.org/abs/1612.00796)
    - [Schwarz et al., 2018](https://arxiv.org/abs/1805.06370), the online
      form

    Args:
        model: Built model. Changed in place.
        importance: Dict from paths of variables to arrays of their shape,
            as `fisher_importance` returns.
        strength: Float, 0 or more, of the whole penalty, earlier phases
            included. A larger value keeps old classes better and learns new
            ones less.
        mode: `"separate"` or `"online"`. Defaults to `"separate"`.
        decay: Float from 0 to 1, only for `"online"`. A smaller value
            forgets earlier phases faster. Defaults to `1.0`.

    Raises:
        ValueError: if the mode is unknown, the decay out of range, or an
            array does not belong to a variable of the model.
    """
    check_mode(mode, decay)
    _check_paths(model, importance)
    merge = _MERGES[mode]
    penalties = [
        (variable, _merged(variable, importance, strength, merge, decay))
        for variable in model.trainable_variables
        if variable.path in importance
    ]
    for variable, penalty in penalties:
        variable.regularizer = penalty
    state.forget_compiled(model)


def remove_penalties(model) -> None:
    """Takes the penalties of `consolidate` off a model again.

    Regularizers that the variables had before come back.

    Args:
        model: Built model. Changed in place.
    """
    for variable in model.variables:
        if isinstance(variable.regularizer, QuadraticPenalty):
            variable.regularizer = variable.regularizer.also
    state.forget_compiled(model)


def scale_importance(
    importance: dict[str, np.ndarray],
    normalize: bool = False,
    clip_percentile: float | None = None,
) -> dict[str, np.ndarray]:
    """Clips the largest values of an importance, and sets its mean to 1.

    Args:
        importance: Dict from paths to arrays.
        normalize: Bool. Whether to divide by the mean of all values, so that
            a strength means the same for another model. Defaults to `False`.
        clip_percentile: Float from 0 to 100, or `None`. Values above this
            percentile of all values are set to it, before normalization. A
            smaller value allows a larger learning rate. Defaults to `None`.

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


def largest_curvature(model) -> float:
    """The largest `strength * importance` of the penalties of a model."""
    penalties = [
        v.regularizer
        for v in model.trainable_variables
        if isinstance(v.regularizer, QuadraticPenalty)
    ]
    return max(
        (p.strength * float(p.importance.max()) for p in penalties), default=0.0
    )


def check_mode(mode, decay):
    """Raises unless `consolidate` takes these arguments."""
    if mode not in _MERGES:
        raise ValueError(
            f"`mode` must be one of {tuple(_MERGES)}. Received: mode={mode!r}."
        )
    if not 0 <= decay <= 1 or mode == "separate" and decay != 1:
        raise ValueError(
            "`decay` must be a number from 0 to 1, and 1 with "
            f"mode='separate', which forgets nothing. Received: mode={mode!r}, "
            f"decay={decay}."
        )


def _merged(variable, importance, strength, merge, decay):
    weight = ops.convert_to_numpy(variable).astype("float64")
    new = np.asarray(importance[variable.path], "float64")
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
    shapes = {v.path: tuple(v.shape) for v in model.variables}
    wrong = [
        path
        for path, value in importance.items()
        if shapes.get(path) != np.shape(value)
    ]
    if wrong:
        raise ValueError(
            f"`importance` must have the paths and shapes of the variables of "
            f"model '{model.name}'. Received: {wrong[:5]}, which it has not "
            "or not in this shape. Compute the importance anew after a model "
            "has grown or was loaded."
        )
