"""Which parts a phase uses, chosen from what there is."""

import dataclasses

import keras

from keras_incremental.callbacks.weight_alignment import WeightAlignment
from keras_incremental.losses import CandidateSetCrossentropy
from keras_incremental.losses import MergedDistillation
from keras_incremental.models.centring import FeatureStatistics
from keras_incremental.models.centring import can_centre
from keras_incremental.optimizers import LearningRateMultiplier
from keras_incremental.optimizers import paths_of

# With exemplars the labels themselves say what the old classes look like.
SHARE_BESIDE_REPLAY = 0.1
HEAD_EPOCHS = 20
NETWORK_EPOCHS = 5
BACKBONE_FACTOR = 0.01


@dataclasses.dataclass(frozen=True)
class Options:
    """How a phase trains: arguments of `learn`, under the same names."""

    epochs: int | None = None
    batch_size: int = 32
    optimizer: keras.optimizers.Optimizer | str | None = None
    loss: keras.losses.Loss | str | None = None
    distillation: object = "auto"
    correction: object = "auto"
    backbone_learning_rate: float | None = None
    callbacks: tuple = ()
    verbose: int = 0
    cache_features: bool = True


@dataclasses.dataclass(frozen=True)
class Plan:
    """The parts of one phase.

    Attributes:
        epochs: Int.
        loss: Loss of the labels.
        distillation: Loss against the teacher, or `None`.
        share: Float from 0 to 1, the weight of the distillation.
        correction: Callback against the bias to new classes, or `None`.
        balanced: Whether every class weighs the same in the loss.
        freeze_old: Whether the columns of old classes stay as they are.
        statistics: `FeatureStatistics` to centre by, or `None`.
    """

    epochs: int
    loss: keras.losses.Loss
    distillation: object
    share: float
    correction: object
    balanced: bool
    freeze_old: bool
    statistics: FeatureStatistics | None

    @property
    def words(self):
        """The parts, in words, for the report."""
        parts = ["replay" if self.balanced else "no exemplars"]
        if self.distillation is not None:
            parts.append("distillation of the old logits")
        if self.freeze_old:
            parts.append("old columns frozen")
        if self.balanced:
            parts.append("class-balanced weights")
        if self.correction is not None:
            parts.append(type(self.correction).__name__)
        return ", ".join(parts)


def make_plan(head, lesson, trunk, num_exemplars, statistics, options):
    """Chooses the parts of a phase.

    Exemplars ask for replay with class-balanced weights, and a light
    distillation. Without them distillation keeps the old logits, the old
    columns stay frozen where the features do too, and the newest columns are
    aligned in norm, which needs no data.
    """
    replay = num_exemplars > 0
    untaught = len(lesson.names) - len(lesson.taught)
    known = len(lesson.names) - len(lesson.new_names)
    share = min(untaught, known) / len(lesson.names)
    distillation = _part(options.distillation, MergedDistillation)
    if not share:
        distillation = None
    correction = _part(
        options.correction, lambda: None if replay else WeightAlignment()
    )
    return Plan(
        epochs=options.epochs
        or (NETWORK_EPOCHS if trunk.trains else HEAD_EPOCHS),
        loss=_part(options.loss or "auto", CandidateSetCrossentropy),
        distillation=distillation,
        share=share * (SHARE_BESIDE_REPLAY if replay else 1.0),
        correction=correction if lesson.new_names else None,
        balanced=replay,
        freeze_old=not replay and bool(lesson.new_names) and not trunk.trains,
        statistics=statistics if _may_centre(head, options) else None,
    )


def make_optimizer(head, trunk, options):
    """A fresh optimizer, slower below the head."""
    optimizer = options.optimizer
    if isinstance(optimizer, keras.optimizers.Optimizer):
        optimizer = type(optimizer).from_config(optimizer.get_config())
    else:
        optimizer = keras.optimizers.get(optimizer or "adam")
    if not trunk.trains:
        return optimizer
    factor = BACKBONE_FACTOR
    if options.backbone_learning_rate is not None:
        factor = options.backbone_learning_rate / float(optimizer.learning_rate)
    return LearningRateMultiplier(
        optimizer, {paths_of(head): 1.0}, others=factor
    )


def _part(part, default):
    return default() if isinstance(part, str) and part == "auto" else part


def _may_centre(head, options):
    # A penalty refers to the coordinates that the weights are stored in.
    penalised = any(
        getattr(callback, "protects_weights", False)
        for callback in options.callbacks
    )
    return can_centre(head) and not penalised
