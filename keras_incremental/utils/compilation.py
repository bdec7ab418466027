"""Compiling a model again after a change, with the arguments it had.

Losses and metrics that are built for a number of classes grow with it.
"""

import copy
from collections.abc import Iterable
from typing import Any
from typing import Self

import keras
import numpy as np

from keras_incremental.utils import state
from keras_incremental.utils.model_outputs import OutputLayout
from keras_incremental.utils.types import Config
from keras_incremental.utils.user_warnings import warn

# What `compile` takes that may be built for a number of classes.
SIZED = ("loss", "metrics", "weighted_metrics")
# What `compile` takes that says how `fit` runs, not what it minimizes.
RUNNING = ("run_eagerly", "steps_per_execution", "jit_compile")
# Entries of configurations that are the number of classes.
COUNTS = ("num_classes", "num_labels")
# Entries with one value for each class, in their last axis.
PER_CLASS = (
    "alpha",
    "class_weight",
    "class_weights",
    "counts",
    "denominator",
    "label_weights",
    "table",
)
LATER = (
    "Compile without it before classes are added, and with it again afterwards"
)


class Compilation:
    """How a model is compiled, with an optimizer that is as new.

    A Keras optimizer does not accept variables that are created after it was
    built, and compiled functions hold the variables that they were traced
    with. So a model is compiled again after each change of its structure.
    Losses and metrics are those of the user, not copies from a config, so
    they need not be registered.

    Args:
        model: `keras.Model`, compiled or not.

    Raises:
        ValueError: if the model has a `compile` of its own, and no
            `compile_from_config` that could call it again.
    """

    def __init__(self, model: keras.Model):
        self._was_built = _is_built(getattr(model, "optimizer", None))
        self._config = _own_config(model)
        self._arguments = None
        if model.compiled and self._config is None:
            self._arguments = _arguments(model)

    def grown(
        self,
        old: int,
        new: int,
        exclusive: bool = True,
        layout: OutputLayout | None = None,
    ) -> Self:
        """Returns how to compile the model with more classes.

        Args:
            old: Int. The number of classes.
            new: Int. The number that there will be.
            exclusive: Bool. Whether classes exclude each other. Defaults to
                `True`.
            layout: `OutputLayout` of a model with several outputs, of which
                the chosen one grows. Defaults to `None`, one output.

        Raises:
            ValueError: if a loss or a metric is for the old number only.
        """
        result = copy.copy(self)
        if new == old:
            return result
        result._config = grown(self._config, old, new, exclusive, "compile")
        if self._arguments is not None:
            changes = {}
            for name in SIZED:
                value = self._arguments[name]
                part = value if layout is None else layout.part_of(value)
                part = grown(part, old, new, exclusive, name)
                changes[name] = (
                    part if layout is None else layout.with_part(value, part)
                )
            result._arguments = {**self._arguments, **changes}
        return result

    def apply(self, model: keras.Model, build: bool = True) -> None:
        """Compiles a model. Its next `fit` and `predict` trace again.

        Args:
            model: `keras.Model`.
            build: Bool. Whether to build the optimizer, if it was built.
                Defaults to `True`.
        """
        state.forget_compiled(model)
        if self._config is not None:
            # The call mutates its argument.
            model.compile_from_config(copy.deepcopy(self._config))
        if self._arguments is None:
            return
        optimizer = as_new(self._arguments["optimizer"])
        model.compile(**{**self._arguments, "optimizer": optimizer})
        if build and self._was_built and model.built:
            model.optimizer.build(model.trainable_variables)

    @property
    def optimizer(self) -> Any:
        """The optimizer whose copy is compiled with, or `None`."""
        return self._arguments and self._arguments["optimizer"]


def recompile(model: keras.Model) -> None:
    """Compiles a model again, as it is, with a new optimizer."""
    Compilation(model).apply(model)


def running_arguments(model: Any) -> Config:
    """Returns the arguments of `compile` that say how `fit` runs."""
    if not getattr(model, "compiled", False):
        return {}
    arguments = state.compile_arguments(model)
    return {name: arguments[name] for name in RUNNING}


def as_new(optimizer: Any, **changes: Any) -> Any:
    """Returns an optimizer with the options of another, never used.

    What it excludes from weight decay is no part of its configuration, and is
    copied too.

    Args:
        optimizer: Optimizer; anything else is returned.
        **changes: Options of the new one.
    """
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        return optimizer
    config = {**optimizer.get_config(), **changes}
    new = type(optimizer).from_config(config)
    for source, target in zip(
        wrapped_optimizers(optimizer), wrapped_optimizers(new), strict=True
    ):
        state.copy_exclusions(source, target)
    return new


def excludes(optimizer: Any, variables: Iterable[keras.Variable]) -> bool:
    """Returns whether weight decay leaves all of some variables alone."""
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        return False
    inside = wrapped_optimizers(optimizer)[-1]
    return not any(state.is_decayed(inside, v) for v in variables)


def exclude(optimizer: Any, variables: Iterable[keras.Variable]) -> None:
    """Keeps weight decay from variables, besides those it leaves alone."""
    for part in wrapped_optimizers(optimizer):
        state.exclude_from_decay(part, variables)


def warn_of_lowered_rate(model: keras.Model) -> None:
    """Warns if the last `fit` ended at a lower learning rate than it began.

    A new optimizer takes over the rate, with which new classes would hardly
    be learned.

    Args:
        model: Model that its new optimizer is taken from.
    """
    optimizer = getattr(model, "optimizer", None)
    history = getattr(getattr(model, "history", None), "history", {})
    rates = history.get("learning_rate", ())
    if optimizer is None or not len(rates) or not int(optimizer.iterations):
        return
    first, now = float(rates[0]), float(optimizer.learning_rate)
    if now < first:
        warn(
            f"The last `fit` of model '{model.name}' lowered the learning "
            f"rate from {first:.3g} to {now:.3g}, and the next one would "
            "start there, where new classes are hardly learned. Received: "
            f"optimizer.learning_rate={now:.3g}. Set `optimizer.learning_rate "
            f"= {first:.3g}` of the model, before or after this call."
        )


def _is_built(optimizer):
    return bool(getattr(optimizer, "built", False))


def wrapped_optimizers(
    optimizer: keras.optimizers.Optimizer,
) -> list[keras.optimizers.Optimizer]:
    """Returns an optimizer and those that it wraps, the innermost last."""
    inner = getattr(optimizer, "inner_optimizer", None)
    inner = inner or getattr(optimizer, "base_optimizer", None)
    return [optimizer, *(wrapped_optimizers(inner) if inner else ())]


def _arguments(model):
    arguments = dict(state.compile_arguments(model))
    scaled = keras.optimizers.LossScaleOptimizer
    return {
        **arguments,
        "optimizer": as_new(arguments["optimizer"]),
        "auto_scale_loss": isinstance(model.optimizer, scaled),
    }


def _own_config(model):
    """Returns the config of a model with a `compile` of its own, or `None`."""
    kind = type(model)
    if not model.compiled or kind.compile is keras.Model.compile:
        return None
    if kind.compile_from_config is keras.Model.compile_from_config:
        raise ValueError(
            f"Model '{model.name}' must be compiled again when it grows, and "
            f"{kind.__name__} has a `compile` of its own, whose arguments "
            f"are not known. Received: {kind.__name__}.compile without "
            "`compile_from_config`. Override `get_compile_config` and "
            "`compile_from_config` too, or call `expand` of the head and "
            "then `compile`."
        )
    return copy.deepcopy(model.get_compile_config())


def grown(
    value: Any, old: int, new: int, exclusive: bool, argument: str
) -> Any:
    """Returns losses or metrics for a larger number of classes.

    Metrics are made anew: some have a state for each class that they have
    seen.

    Args:
        value: A loss or a metric, a list or dict of them, or a configuration.
        old: Int. The number of classes.
        new: Int. The number that there will be.
        exclusive: Bool. Whether classes exclude each other.
        argument: String. The argument of `compile`, for messages.

    Raises:
        ValueError: if one of them is for the old number only.
    """
    if isinstance(value, dict) and "class_name" not in value:
        return {
            key: grown(item, old, new, exclusive, argument)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        items = [grown(item, old, new, exclusive, argument) for item in value]
        return type(value)(items)
    if old == 1 and exclusive:
        _check_two_sided(value, argument)
    if isinstance(value, dict):
        name = value["class_name"]
        return _grown_config(value, old, new, f"{argument}={name}")
    if isinstance(value, keras.metrics.Metric):
        return _grown_metric(value, old, new, argument)
    return _grown_loss(value, old, new, argument)


def check_lists(value: Any, num_classes: int, argument: str) -> None:
    """Raises if a loss has values for another number of classes."""
    if isinstance(value, keras.losses.Loss):
        config = _config_of(value)
        _grown_config(config, num_classes, num_classes, _told(argument, value))


def _grown_metric(metric, old, new, argument):
    config = _config_of(metric)
    changed = _grown_config(config, old, new, _told(argument, metric))
    made = _made(metric, changed)
    if changed == config and not _is_of_keras(metric):
        _check_state(made, old, argument)
    return made


def _grown_loss(loss, old, new, argument):
    if not isinstance(loss, keras.losses.Loss):
        return loss
    config = _config_of(loss)
    changed = _grown_config(config, old, new, _told(argument, loss))
    # The loss itself may know what its configuration does not.
    return loss if _same(config, changed) else _made(loss, changed)


def _grown_config(config, old, new, told):
    """Returns a configuration for more classes, nested ones as well."""
    changed = {}
    for name, value in config.items():
        if isinstance(value, dict):
            value = _grown_config(value, old, new, told)
        elif name in COUNTS and value is not None and old <= value < new:
            value = new
        elif name in PER_CLASS:
            _check_values(name, value, new, told)
        changed[name] = value
    return changed


def _check_values(name, value, new, told):
    shape = np.shape(value)
    if shape and shape[-1] != new:
        raise ValueError(
            f"`{name}` of a loss or metric has a value for each of "
            f"{shape[-1]} classes, and there will be {new}. Received: {told} "
            f"with {name}={value!r}. {LATER}, with {new} values."
        )


def _check_state(metric, old, argument):
    """Raises if a metric still has a state for the old classes."""
    sizes = [size for v in metric.variables for size in v.shape]
    if old > 1 and old in sizes:
        raise ValueError(
            f"The state of a metric is for {old} classes, and its "
            "configuration does not say so. Received: "
            f"{_told(argument, metric)}. Give it an argument `num_classes` "
            f"that its `get_config` returns. Or: {LATER}."
        )


def _check_two_sided(value, argument):
    """Raises if a loss or metric asks one output for a yes or a no."""
    name = value if isinstance(value, str) else _name_of(value)
    if name.lower().startswith("binary"):
        raise ValueError(
            "A head of one class grows to several that exclude each other, "
            f"and `{argument}` has a yes or a no for each output. Received: "
            f"{argument}={name}. Compile with `keras.losses."
            "SparseCategoricalCrossentropy(from_logits=True)` and "
            "`metrics=['accuracy']` before, or give the head "
            "`exclusive=False`."
        )


def _config_of(value):
    try:
        return value.get_config()
    except NotImplementedError:
        return {}


def _made(value, config):
    try:
        return type(value).from_config(dict(config))
    except TypeError:
        # Its configuration is not all of its arguments.
        return value


def _same(config, changed):
    return all(
        value is changed[name] or _same_nested(value, changed[name])
        for name, value in config.items()
    )


def _same_nested(value, changed):
    nested = isinstance(value, dict) and isinstance(changed, dict)
    return nested and _same(value, changed)


def _told(argument, value):
    return f"{argument}={_name_of(value)}"


def _name_of(value):
    if isinstance(value, dict):
        return str(value.get("class_name"))
    if isinstance(value, (keras.losses.Loss, keras.metrics.Metric)):
        own = (
            f" '{value.name}'"
            if isinstance(value, keras.metrics.Metric)
            else ""
        )
        return type(value).__name__ + own
    return getattr(value, "__name__", type(value).__name__)


def _is_of_keras(value):
    """Whether its configuration is known to name the number of classes."""
    return type(value).__module__.startswith("keras.")
