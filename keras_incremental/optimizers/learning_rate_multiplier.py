import re
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Self

import keras
from keras import ops

from keras_incremental.optimizers.scaling import check_unscaled
from keras_incremental.utils import state
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import OptimizerLike
from keras_incremental.utils.types import Tensor
from keras_incremental.utils.user_warnings import warn


@export
class LearningRateMultiplier(state.HasAverages, keras.optimizers.Optimizer):
    """Optimizer wrapper that multiplies the learning rate of some variables.

    Use it to train a pretrained backbone with small steps and a new head with
    large steps. Multiplying gradients would have no effect with Adam, which
    divides by their size. Therefore each factor has its own copy of the
    optimizer, which updates, decays and averages its variables at `factor *
    learning_rate`.

    `learning_rate` is a single number or schedule for all variables, so
    schedules, `ReduceLROnPlateau` and assignments scale all of them.

    Reference:
    - [Howard and Ruder, 2018](https://arxiv.org/abs/1801.06146)

    Args:
        optimizer: `keras.optimizers.Optimizer`, not built yet, or the name of
            one.
        multipliers: Dict of regular expressions and floats of 0 or more. The
            factor of a variable is that of the first expression that is
            found in its `path`, such as `"head/"`. See `paths_of` for the
            variables of a layer or a nested model. Variables with a factor
            of 0 are not changed.
        others: Float, 0 or more. Factor of all other variables. Defaults to
            `1.0`.
        name: String. Defaults to `"learning_rate_multiplier"`.

    Example:

    >>> optimizer = LearningRateMultiplier(
    ...     keras.optimizers.AdamW(1e-3), {"head/": 1.0}, others=0.01
    ... )
    """

    def __init__(
        self,
        optimizer: OptimizerLike,
        multipliers: Mapping[str, float],
        others: float = 1.0,
        name: str = "learning_rate_multiplier",
    ):
        optimizer = keras.optimizers.get(optimizer)
        _check_optimizer(optimizer)
        super().__init__(
            # The attribute returns a number even for a schedule, but the
            # config returns the schedule.
            learning_rate=_learning_rate(optimizer),
            loss_scale_factor=optimizer.loss_scale_factor,
            name=name,
        )
        self.multipliers = {
            _checked_pattern(pattern): _checked_factor(factor)
            for pattern, factor in multipliers.items()
        }
        self.others = _checked_factor(others)
        # Hidden, or it would be saved in addition to its copies. Variables
        # with a factor of 0 need no copy.
        self._recipe = state.Untracked(optimizer)
        factors = {*self.multipliers.values(), self.others} - {0.0}
        self._parts = state.Untracked(
            {factor: self._copy(factor) for factor in sorted(factors)}
        )
        self._trained = state.Untracked([])

    # Not `inner_optimizer`: Keras takes that for the one that trains.
    @property
    def base_optimizer(self) -> keras.optimizers.Optimizer:
        """The wrapped optimizer, of which every factor has a copy."""
        return self._recipe.value

    @property
    def parts(self) -> list[keras.optimizers.Optimizer]:
        """The copies of the optimizer, one for each factor except 0."""
        return list(self._parts.value.values())

    @property
    def trained(self) -> list[keras.Variable]:
        """The variables that it was built for."""
        return self._trained.value

    @property
    def optimizers(self) -> list[state.JoinedAverages]:
        """The averages of all copies, for `keras.callbacks.SwapEMAWeights`.

        Raises:
            AttributeError: if no averages are kept. Callbacks that set the
                learning rate look for this attribute too.
        """
        if not self.base_optimizer.use_ema:
            raise AttributeError(
                "Only an optimizer that keeps averages has `optimizers`. "
                f"Received: {type(self.base_optimizer).__name__} with "
                "use_ema=False. Use `parts`."
            )
        built = [part for part in self.parts if part.built]
        return [state.JoinedAverages(self, built)]

    @property
    def variables(self) -> list[keras.Variable]:
        return super().variables + [
            v for part in self.parts for v in part.variables
        ]

    def multiplier_of(self, variable: keras.Variable) -> float:
        """Returns the factor of the learning rate of a variable."""
        for pattern, factor in self.multipliers.items():
            if re.search(pattern, variable.path):
                return factor
        return self.others

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if self.built:
            return
        self._warn_of_idle_patterns(variables)
        super().build(variables)
        self._trained.value = list(variables)
        for factor, part in self._parts.value.items():
            group = self._at(factor, variables)
            if group:
                state.copy_decay_exclusions(self.base_optimizer, part, group)
                part.build(group)

    def apply(
        self,
        grads: Sequence[Tensor | None],
        trainable_variables: Sequence[keras.Variable] | None = None,
    ) -> None:
        if trainable_variables is None:
            trainable_variables = self._trained.value
        variables = list(trainable_variables)
        if not self.built:
            self.build(variables)
        self._check_known(variables)
        grads = self._clipped([self._unscaled(g) for g in grads])
        _check_any(grads)
        gradient_of = dict(zip(map(id, variables), grads, strict=True))
        for factor, part in self._parts.value.items():
            group = self._at(factor, variables)
            grads = [gradient_of[id(v)] for v in group]
            if any(g is not None for g in grads):
                part.apply(grads, group)
        self.iterations.assign_add(1)

    def finalize_variable_values(
        self, var_list: Sequence[keras.Variable]
    ) -> None:
        for factor, part in self._parts.value.items():
            group = self._at(factor, var_list)
            if group:
                part.finalize_variable_values(group)

    def exclude_from_weight_decay(
        self,
        var_list: Sequence[keras.Variable] | None = None,
        var_names: Sequence[str] | None = None,
    ) -> None:
        self.base_optimizer.exclude_from_weight_decay(var_list, var_names)

    def get_config(self) -> Config:
        inner = keras.saving.serialize_keras_object(self.base_optimizer)
        inner["config"]["learning_rate"] = super().get_config()["learning_rate"]
        return {
            "name": self.name,
            "optimizer": inner,
            "multipliers": self.multipliers,
            "others": self.others,
        }

    @classmethod
    def from_config(
        cls, config: Config, custom_objects: Config | None = None
    ) -> Self:
        optimizer = keras.saving.deserialize_keras_object(
            config.pop("optimizer"), custom_objects=custom_objects
        )
        return cls(optimizer, **config)

    def _copy(self, factor):
        """Returns a copy of the inner optimizer at `factor * learning_rate`."""
        config = self.base_optimizer.get_config()
        config["learning_rate"] = lambda: ops.multiply(
            self.learning_rate, factor
        )
        config["name"] = f"{self.name}_{factor:g}"
        config["loss_scale_factor"] = None
        config["global_clipnorm"] = None
        return type(self.base_optimizer).from_config(config)

    def _at(self, factor, variables):
        return [v for v in variables if self.multiplier_of(v) == factor]

    def _unscaled(self, gradient):
        if gradient is None or self.loss_scale_factor is None:
            return gradient
        return gradient / self.loss_scale_factor

    def _clipped(self, grads):
        """Clips by the norm of all gradients, not of those of one copy."""
        limit = self.base_optimizer.global_clipnorm
        if not limit:
            return grads
        squares = [ops.sum(ops.square(g)) for g in grads if g is not None]
        norm = ops.sqrt(sum(squares))
        scale = limit / ops.maximum(norm, limit)
        return [None if g is None else g * scale for g in grads]

    def _check_known(self, variables):
        known = {id(v) for v in self._trained.value}
        for variable in variables:
            if id(variable) not in known:
                raise ValueError(
                    "An optimizer only updates the variables that it was "
                    f"built with. Received: unknown variable {variable.path}. "
                    "Compile the model again."
                )

    def _warn_of_idle_patterns(self, variables):
        paths = [v.path for v in variables]
        idle = [
            pattern
            for pattern in self.multipliers
            if not any(re.search(pattern, path) for path in paths)
        ]
        if idle:
            warn(
                f"`multipliers` {idle} match no trainable variable. Received: "
                f"paths such as {paths[:3]}. Correct the expressions."
            )


def paths_of(layer: keras.layers.Layer) -> str:
    """Returns a regular expression for the variables of a layer or model.

    The paths of variables do not contain the name of a nested model, so its
    name cannot select them.

    Args:
        layer: Built layer or model.

    Returns:
        String, a key of `multipliers`.
    """
    paths = "|".join(re.escape(v.path) for v in layer.variables)
    return f"^({paths})$"


def _learning_rate(optimizer):
    rate = optimizer.get_config()["learning_rate"]
    if isinstance(rate, dict):
        return keras.saving.deserialize_keras_object(rate)
    return rate


def _check_optimizer(optimizer):
    check_unscaled(optimizer, "LearningRateMultiplier")
    if optimizer.built:
        raise ValueError(
            "`optimizer` of LearningRateMultiplier must be new. Received: "
            f"{type(optimizer).__name__} '{optimizer.name}', which is in use. "
            "Create another one with the same arguments."
        )
    if optimizer.global_clipnorm and optimizer.gradient_accumulation_steps:
        raise ValueError(
            "LearningRateMultiplier cannot combine `global_clipnorm` with "
            "gradient accumulation. Received: global_clipnorm="
            f"{optimizer.global_clipnorm}, gradient_accumulation_steps="
            f"{optimizer.gradient_accumulation_steps}. Use `clipnorm`."
        )


def _checked_pattern(pattern):
    try:
        re.compile(pattern)
    except (re.error, TypeError) as error:
        raise ValueError(
            "Keys of `multipliers` must be regular expressions. Received: "
            f"{pattern!r} ({error}). Use `paths_of(layer)` for a layer."
        ) from error
    return pattern


def _checked_factor(factor):
    if not 0 <= factor < float("inf"):
        raise ValueError(
            "Factors of LearningRateMultiplier must be finite and not "
            f"negative. Received: {factor}. Use 0 to freeze variables."
        )
    return float(factor)


def _check_any(grads):
    if all(g is None for g in grads):
        raise ValueError(
            "No gradients provided for any variable. Received: None for all "
            f"{len(grads)} variables. Check that the loss depends on them."
        )
