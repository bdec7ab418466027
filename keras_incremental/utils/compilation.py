"""Compiling a model again after a change, with the arguments it had."""

import copy
import warnings
from collections.abc import Iterable
from typing import Any
from typing import Self

import keras

from keras_incremental.utils import state
from keras_incremental.utils.class_sizes import grown
from keras_incremental.utils.model_outputs import OutputLayout
from keras_incremental.utils.types import Config

# What `compile` takes that may be built for a number of classes.
SIZED = ("loss", "metrics", "weighted_metrics")
# What `compile` takes that says how `fit` runs, not what it minimizes.
RUNNING = ("run_eagerly", "steps_per_execution", "jit_compile")


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


def warn_of_lowered_rate(model: keras.Model, stacklevel: int = 3) -> None:
    """Warns if the last `fit` ended at a lower learning rate than it began.

    A new optimizer takes over the rate, with which new classes would hardly
    be learned.

    Args:
        model: Model that its new optimizer is taken from.
        stacklevel: Int, that of the warning. Defaults to `3`.
    """
    optimizer = getattr(model, "optimizer", None)
    history = getattr(getattr(model, "history", None), "history", {})
    rates = history.get("learning_rate", ())
    if optimizer is None or not len(rates) or not int(optimizer.iterations):
        return
    first, now = float(rates[0]), float(optimizer.learning_rate)
    if now < first:
        warnings.warn(
            f"The last `fit` of model '{model.name}' lowered the learning "
            f"rate from {first:.3g} to {now:.3g}, and the next one would "
            "start there, where new classes are hardly learned. Received: "
            f"optimizer.learning_rate={now:.3g}. Set `optimizer.learning_rate "
            f"= {first:.3g}` of the model, before or after this call.",
            stacklevel=stacklevel,
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
