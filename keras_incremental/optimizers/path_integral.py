from collections.abc import Sequence
from typing import Any
from typing import Self

import keras
import numpy as np
from keras import ops

from keras_incremental.optimizers.learning_rate_multiplier import (
    LearningRateMultiplier,
)
from keras_incremental.optimizers.scaling import check_unscaled
from keras_incremental.regularizers.quadratic_penalty import QuadraticPenalty
from keras_incremental.utils import state
from keras_incremental.utils.compilation import wrapped_optimizers
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import OptimizerLike
from keras_incremental.utils.types import Tensor
from keras_incremental.utils.variable_keys import keyed

# Settings that an outer optimizer controls for the inner one.
FOR_INNER = ("learning_rate", "loss_scale_factor", "global_clipnorm")


@export
class PathIntegral(keras.optimizers.Optimizer):
    """Optimizer wrapper that records how much each weight lowers the loss.

    It sums, over the steps of an optimizer,

        work -= g * (weight after the step - weight before it)

    where `g` is the gradient of the loss without the `QuadraticPenalty` of
    the weight. The change of the weight includes momentum, decay, clipping
    and constraints. Summed over all weights, the work approximates the
    decrease of the loss. The wrapper needs the memory of one more copy of the
    weights, which is saved with the optimizer.

    Reference:
    - [Zenke et al., 2017](https://arxiv.org/abs/1703.04200)

    Args:
        optimizer: `keras.optimizers.Optimizer`, not built yet, or the name of
            one. It may be a `LearningRateMultiplier`, or be wrapped by one.
        name: String. Defaults to `"path_integral"`.

    Raises:
        ValueError: if the optimizer is in use, accumulates gradients, or
            runs on several devices.

    Example:

    >>> optimizer = PathIntegral(keras.optimizers.SGD(0.5))
    >>> weight = keras.Variable([1.0], name="weight")
    >>> optimizer.apply([keras.ops.ones(1)], [weight])
    >>> optimizer.slot_values("work")
    {'weight': array([0.5], dtype=float32)}
    """

    slot_names: tuple[str, ...] = ("work",)

    def __init__(self, optimizer: OptimizerLike, name: str = "path_integral"):
        optimizer = keras.optimizers.get(optimizer)
        _check_optimizer(optimizer, type(self).__name__)
        super().__init__(
            learning_rate=lambda: optimizer.learning_rate,
            loss_scale_factor=optimizer.loss_scale_factor,
            global_clipnorm=optimizer.global_clipnorm,
            name=name,
        )
        # Gradients are unscaled here, once.
        optimizer.loss_scale_factor = None
        self._inner = state.Untracked(optimizer)
        self._slots = state.Untracked({})
        self._followed = state.Untracked([])
        state.copy_decay_exclusions(optimizer, self, [])

    # Results.

    @property
    def inner_optimizer(self) -> keras.optimizers.Optimizer:
        """The optimizer that updates the weights."""
        return self._inner.value

    @property
    def learning_rate(self) -> Any:
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self.inner_optimizer.learning_rate = learning_rate

    @property
    def variables(self) -> list[keras.Variable]:
        return super().variables + self.inner_optimizer.variables

    def slot_values(self, name: str) -> dict[str, np.ndarray]:
        """Returns a slot of all weights as a dict of paths and arrays.

        Of weights that share a path, the second has the key `path#2`.

        Args:
            name: String, one of `slot_names`.
        """
        return {
            key: self.slot_value(name, variable)
            for key, variable in keyed(self._followed.value)
        }

    def slot_value(self, name: str, variable: keras.Variable) -> np.ndarray:
        """Returns a slot of a weight that the optimizer follows.

        Args:
            name: String, one of `slot_names`.
            variable: `keras.Variable`.
        """
        return ops.convert_to_numpy(self._slot(name, variable))

    def follows(self, variable: keras.Variable) -> bool:
        """Returns whether the optimizer follows a weight."""
        return any(followed is variable for followed in self._followed.value)

    def reset(self) -> None:
        """Sets all slots to zero."""
        for slots in self._slots.value.values():
            for slot in slots.values():
                slot.assign(ops.zeros(slot.shape, slot.dtype))

    # Interface of Keras.

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if self.built:
            return
        _check_one_device(variables, type(self).__name__)
        super().build(variables)
        self._followed.value = list(variables)
        self._slots.value = {
            name: {
                id(v): self.add_variable_from_reference(v, name)
                for v in variables
            }
            for name in self.slot_names
        }
        state.copy_decay_exclusions(self, self.inner_optimizer, variables)
        self.inner_optimizer.build(variables)

    def apply(
        self,
        grads: Sequence[Tensor | None],
        trainable_variables: Sequence[keras.Variable] | None = None,
    ) -> None:
        if trainable_variables is None:
            trainable_variables = self._followed.value
        variables = list(trainable_variables)
        if not self.built:
            self.build(variables)
        grads = [self._unscaled(g) for g in grads]
        before = [ops.copy(ops.stop_gradient(v.value)) for v in variables]
        of_task = [
            None if g is None else _of_task(g, v)
            for g, v in zip(grads, variables, strict=True)
        ]
        self.inner_optimizer.apply(grads, variables)
        self.iterations.assign_add(1)
        for variable, old, g in zip(variables, before, of_task, strict=True):
            if g is not None:
                moved = ops.stop_gradient(variable.value) - old
                self.follow(variable, g, moved)

    def follow(
        self, variable: keras.Variable, gradient: Tensor, moved: Tensor
    ) -> None:
        """Adds one step of one weight to its slots."""
        work = self._slot("work", variable)
        work.assign(work - gradient * moved)

    def finalize_variable_values(
        self, var_list: Sequence[keras.Variable]
    ) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)

    def exclude_from_weight_decay(
        self,
        var_list: Sequence[keras.Variable] | None = None,
        var_names: Sequence[str] | None = None,
    ) -> None:
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)
        state.copy_decay_exclusions(self.inner_optimizer, self, [])

    def get_config(self) -> Config:
        inner = keras.saving.serialize_keras_object(self.inner_optimizer)
        own = {"loss_scale_factor": self.loss_scale_factor}
        inner["config"].update(
            {k: v for k, v in own.items() if k in inner["config"]}
        )
        return {
            "name": self.name,
            "optimizer": inner,
            **{k: v for k, v in inner["config"].items() if k in FOR_INNER},
        }

    @classmethod
    def from_config(
        cls, config: Config, custom_objects: Config | None = None
    ) -> Self:
        config = dict(config)
        inner = dict(config.pop("optimizer"))
        given = {k: config.pop(k) for k in FOR_INNER if k in config}
        inner["config"] = {**inner["config"], **given}
        optimizer = keras.saving.deserialize_keras_object(
            inner, custom_objects=custom_objects
        )
        return cls(optimizer, **config)

    def _slot(self, name, variable):
        return self._slots.value[name][id(variable)]

    def _unscaled(self, gradient):
        if gradient is None or self.loss_scale_factor is None:
            return gradient
        return gradient / self.loss_scale_factor


def path_integrals(optimizer: keras.optimizers.Optimizer) -> list[PathIntegral]:
    """Returns every `PathIntegral` in an optimizer, at any depth.

    Args:
        optimizer: Keras optimizer, wrapped or not.

    Returns:
        List of optimizers.
    """
    if isinstance(optimizer, PathIntegral):
        return [optimizer]
    if isinstance(optimizer, LearningRateMultiplier):
        return [x for part in optimizer.parts for x in path_integrals(part)]
    inner = getattr(optimizer, "inner_optimizer", None)
    return [] if inner is None else path_integrals(inner)


def check_damping(damping, owner):
    """Raises a `ValueError` unless `damping` is above 0."""
    if not 0 < damping < float("inf"):
        raise ValueError(
            f"`damping` of {owner} must be a finite number above 0. "
            f"Received: damping={damping}."
        )


def _of_task(gradient, variable):
    penalty = getattr(variable, "regularizer", None)
    if hasattr(gradient, "dense_shape"):
        # TensorFlow returns only the rows of an embedding that were read.
        gradient = ops.add(gradient, ops.zeros(variable.shape))
    if isinstance(penalty, QuadraticPenalty):
        gradient = gradient - penalty.gradient(variable)
    return ops.stop_gradient(gradient)


def _check_optimizer(optimizer, owner):
    check_unscaled(optimizer, owner)
    if optimizer.built:
        raise ValueError(
            f"`optimizer` of {owner} must be new. Received: "
            f"{type(optimizer).__name__} '{optimizer.name}', which is in use. "
            "Create another one with the same arguments."
        )
    innermost = wrapped_optimizers(optimizer)[-1]
    steps = innermost.gradient_accumulation_steps
    if steps:
        raise ValueError(
            f"{owner} does not support gradient accumulation. Received: "
            f"gradient_accumulation_steps={steps}. Use a larger batch."
        )


def _check_one_device(variables, owner):
    for variable in variables:
        strategy = getattr(variable.value, "distribute_strategy", None)
        if getattr(strategy, "num_replicas_in_sync", 1) > 1:
            raise ValueError(
                f"{owner} supports a single device. Received: a model on "
                f"{strategy.num_replicas_in_sync} devices. Train on one device."
            )
