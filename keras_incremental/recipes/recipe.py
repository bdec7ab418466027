import copy
import dataclasses
from collections.abc import Sequence
from typing import Any
from typing import Self

import keras

from keras_incremental.callbacks.exemplar_memory import ExemplarMemory
from keras_incremental.distillation.term import SCHEDULES
from keras_incremental.distillation.term import Term
from keras_incremental.layers.expandable_head import ExpandableHead
from keras_incremental.memory.policies import Interleave
from keras_incremental.memory.reservoir import Reservoir
from keras_incremental.recipes import recipe_types
from keras_incremental.recipes.balanced_stage import BalancedStage
from keras_incremental.utils.export import export
from keras_incremental.utils.phase import Phase
from keras_incremental.utils.types import Config

AUTO, AUTOMATIC = "auto", "automatic"
# What the loss of the labels is multiplied by.
LABEL_WEIGHTS = {
    "one": lambda phase: 1.0,
    "new_share": lambda phase: 1.0 - SCHEDULES["old_share"](phase),
}


@export
@dataclasses.dataclass(frozen=True)
class Recipe:
    """A method of incremental learning, for an `IncrementalClassifier`.

    `keras_incremental.recipes` has the methods of the literature. A classifier
    copies the parts, so a recipe can be used for several classifiers. With
    `"auto"` each phase chooses a part by the old data that is available.

    Args:
        name: String, for reports. Defaults to `"automatic"`.
        memory: `ExemplarMemory`, or `Reservoir` for streams, or `None` to
            keep no samples. Defaults to `None`.
        head: `ExpandableHead` with any number of units that takes the place
            of a `Dense` head, or `None` to keep its weights. Defaults to
            `None`.
        readout: Layer that predicts in place of the head and is adapted to
            exemplars after each phase: a head in closed form, or one with
            `adapt_readout`; or `None`. Defaults to `None`.
        loss: Loss of integer labels and logits. Defaults to `"auto"`,
            `CandidateSetCrossentropy`.
        terms: Tuple of `distillation.Term`, added to it. Defaults to
            `"auto"`: `DistillationCrossentropy`, unless all old classes
            have samples in the phase.
        label_weight: `"one"` or `"new_share"`, what the loss of the labels
            is multiplied by. Defaults to `"one"`.
        policy: How exemplars and new samples are mixed, of
            `memory.policies`. Streams need `Interleave`. Defaults to
            `"auto"`: a shuffled union with class-balanced weights.
        callbacks: Tuple of Keras callbacks. Defaults to `()`.
        bias_correction: Callback against the bias to new classes, or `None`.
            Defaults to `"auto"`: `MarginCalibration` where nothing old can
            be replayed.
        stage: `BalancedStage` after the training, or `None`. Defaults to
            `None`.
        initializer: How new columns start, see `ExpandableHead.expand`, or
            `"imprinting"`. Defaults to `"zeros"`.
        statistics: Bool. Whether features drawn from statistics are
            replayed. Defaults to `"auto"`, where features are frozen.
        freeze_old: Bool. Whether the columns of old classes stay as they
            are. Defaults to `"auto"`, where nothing old can be replayed and
            features are frozen.
        freeze_backbone: Bool. Whether all below the head is frozen from the
            first phase on. Defaults to `False`.
        low_rank: Int or `None`: only changes of that rank of the Dense
            layers below the head are trained (`layers.enable_lora`).
            Defaults to `None`.
        center_features: Bool. Whether the head is trained on centered
            features, where that leaves its loss as it is. Defaults to
            `True`.
        reinitialize: Bool. Whether each phase starts from new weights. Defaults
            to `False`.
        recall: Float in `(0, 1]`: where nothing of the old classes is there,
            and nothing is trained, the share of the samples of a new class
            that stays its own. A smaller value favors old classes. See
            `ExpandableDense.describe`. Defaults to `0.95`.
        epochs: Int, how often a phase goes through its samples where `learn`
            is not told. Defaults to `None`: what `learn` says.

    Raises:
        ValueError: if a part is unknown, or if two of them correct the same
            bias.

    Example:

    >>> Recipe(memory=ExemplarMemory(200), bias_correction=None).name
    'automatic'
    """

    name: str = AUTOMATIC
    memory: ExemplarMemory | Reservoir | None = None
    head: ExpandableHead | None = None
    readout: keras.layers.Layer | None = None
    loss: object = AUTO
    terms: Any = AUTO
    label_weight: str = "one"
    policy: object = AUTO
    callbacks: tuple = ()
    bias_correction: object = AUTO
    stage: BalancedStage | None = None
    initializer: object = "zeros"
    statistics: bool | str = AUTO
    freeze_old: bool | str = AUTO
    freeze_backbone: bool = False
    low_rank: int | None = None
    center_features: bool = True
    reinitialize: bool = False
    recall: float = 0.95
    epochs: int | None = None

    def __post_init__(self):
        if self.label_weight not in LABEL_WEIGHTS:
            raise ValueError(
                "`label_weight` of Recipe must be one of "
                f"{list(LABEL_WEIGHTS)}. Received: "
                f"label_weight={self.label_weight!r}."
            )
        self._check_parts()
        if self.readout is not None and self.memory is None:
            raise ValueError(
                f"`readout` of Recipe '{self.name}' reads exemplars. "
                "Received: memory=None. Give it "
                "`memory=ExemplarMemory(2000)`."
            )
        check_corrections(self)

    def _check_parts(self):
        """Raises if a part is something else than it must be."""
        recipe_types.check(self)
        if self.loss is not None and not is_auto(self.loss):
            _check_loss_name(self.loss)
        for name, what, fits in (
            ("terms", "a loss, or a tuple of terms", _are_terms),
            ("bias_correction", "a callback", _is_callback),
        ):
            value = getattr(self, name)
            if value is not None and not is_auto(value) and not fits(value):
                raise TypeError(
                    f'`{name}` must be {what}, `None` or "auto". Received: '
                    f"{name}={value!r}. Pass an instance."
                )

    @property
    def given_terms(self) -> tuple:
        """Tuple of the terms, empty where a phase chooses them."""
        return self.terms if isinstance(self.terms, tuple) else ()

    def bound_terms(
        self,
        phase: Phase,
        has_teacher: bool = True,
        is_trainable: bool = True,
        stored: bool = True,
    ) -> tuple:
        """Pairs of factors and terms, as they are in a phase.

        Args:
            phase: `Phase`.
            has_teacher: Bool. Whether a teacher knows classes that the phase
                does not show. Defaults to `True`.
            is_trainable: Bool. Whether layers below the head train. Defaults to
                `True`.
            stored: Bool. Whether there are exemplars with logits. Defaults
                to `True`.
        """
        return tuple(
            (term.factor(phase), term.for_phase(phase))
            for term in self.terms
            if has_teacher or not term.needs_teacher
            if is_trainable or not term.only_below_head
            if stored or "stored" not in term.reads
        )

    def copy(self) -> Self:
        """The same recipe, with parts of its own where these have a state."""
        return dataclasses.replace(
            self,
            memory=copy.deepcopy(self.memory),
            callbacks=copy.deepcopy(self.callbacks),
            bias_correction=copy.deepcopy(self.bias_correction),
        )

    def get_config(self) -> Config:
        return {
            field.name: keras.saving.serialize_keras_object(
                getattr(self, field.name)
            )
            for field in dataclasses.fields(self)
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**{name: _deserialized(v) for name, v in config.items()})


def _check_loss_name(loss):
    try:
        keras.losses.get(loss)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"`loss` is not known to Keras. Received: loss={loss!r}. Pass an "
            "instance, or a name from `keras.losses`."
        ) from error


def _are_terms(value):
    if isinstance(value, tuple):
        return all(isinstance(term, Term) for term in value)
    return callable(value) and not isinstance(value, type)


def _is_callback(value):
    return isinstance(value, keras.callbacks.Callback)


def is_auto(value: Any) -> bool:
    """Whether a phase chooses this part itself."""
    return isinstance(value, str) and value == AUTO


def part_or(part: Any, default: Any) -> Any:
    """Returns a part of a recipe, or the default of a phase for it."""
    return default if is_auto(part) else part


def check_corrections(recipe: Recipe, callbacks: Sequence = ()) -> None:
    """Raises if two parts correct the bias to new classes.

    Each estimates the same shift, from the same imbalance; together they
    take it off twice, and old classes win.
    """
    found = correcting(recipe, callbacks)
    if len(found) > 1:
        raise ValueError(
            "Only one part can correct the bias to new classes: each takes "
            "off the whole of it, and two favor the old classes. Received: "
            f"{' and '.join(found)} in recipe '{recipe.name}'. Keep one "
            "of them."
        )


def correcting(recipe: Recipe, callbacks: Sequence = ()) -> list[str]:
    """Names of the parts that correct the bias to new classes."""
    parts = (
        recipe.loss,
        recipe.policy,
        recipe.stage,
        recipe.bias_correction,
        *recipe.callbacks,
        *callbacks,
    )
    return [
        type(part).__name__
        for part in parts
        if getattr(part, "corrects_bias", False)
    ]


def _deserialized(value):
    if isinstance(value, dict):
        return keras.saving.deserialize_keras_object(value)
    if isinstance(value, (list, tuple)):
        return tuple(_deserialized(item) for item in value)
    return value


def check_stream(recipe):
    """Raises if a recipe has parts that begin and end with a phase."""
    if isinstance(recipe.memory, ExemplarMemory):
        raise ValueError(
            f"The memory of the recipe '{recipe.name}' selects exemplars at "
            "the end of a phase, and a stream has none. Received: "
            "memory=ExemplarMemory. Use `learn`, or a recipe whose memory is "
            "a `Reservoir`, such as `recipes.er(memory=Reservoir(500))`."
        )
    parts = [
        name
        for name, needs_phase in _NEED_PHASES.items()
        if needs_phase(getattr(recipe, name))
    ]
    if recipe.memory is not None and not _replays(recipe.policy):
        parts.append("policy")
    if parts:
        raise ValueError(
            f"Parts of the recipe '{recipe.name}' need to know where a phase "
            f"begins and ends. Received: {', '.join(parts)}. Use `learn`, or "
            "a recipe for streams, such as `recipes.er(memory=Reservoir(500))`."
        )


def check_phases(recipe):
    """Raises if a recipe is for streams."""
    if isinstance(recipe.memory, Reservoir):
        raise ValueError(
            f"The memory of the recipe '{recipe.name}' follows a stream, and "
            "`learn` is a phase. Received: memory=Reservoir. Use `observe`, "
            "or a recipe with an `ExemplarMemory`."
        )


def _replays(policy):
    return is_auto(policy) or isinstance(policy, Interleave)


def _is_given(part):
    return part is not None and not is_auto(part)


def _depends_on_phase(loss):
    follows = getattr(loss, "follows_streams", False)
    return hasattr(loss, "for_phase") and not follows


def _reads_teacher(terms):
    return _is_given(terms) and any(term.needs_teacher for term in terms)


_NEED_PHASES = {
    "readout": _is_given,
    "loss": _depends_on_phase,
    "terms": _reads_teacher,
    "label_weight": lambda value: value != "one",
    "callbacks": bool,
    "bias_correction": _is_given,
    "stage": _is_given,
    "initializer": lambda value: value == "imprinting",
    "statistics": lambda value: value is True,
    "freeze_old": lambda value: value is True,
    "reinitialize": bool,
}
