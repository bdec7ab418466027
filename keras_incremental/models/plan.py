"""Which parts a phase uses, chosen from what there is."""

import dataclasses

import keras

from keras_incremental.callbacks.margin_calibration import MarginCalibration
from keras_incremental.losses import CandidateSetCrossentropy
from keras_incremental.losses import MergedDistillation
from keras_incremental.models.centring import can_centre
from keras_incremental.utils.feature_statistics import FeatureStatistics
from keras_incremental.optimizers import LearningRateMultiplier
from keras_incremental.optimizers import paths_of

EXEMPLARS, STATISTICS = "exemplars", "feature statistics"
# Where old classes are replayed, the labels say what they look like.
SHARE_BESIDE_REPLAY = 0.1
HEAD_EPOCHS = 20
NETWORK_EPOCHS = 5
BACKBONE_FACTOR = 0.01
MAX_RATE = 0.05


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
        sources: What stands for old classes: of `"exemplars"` and
            `"feature statistics"` those that there are.
        epochs: Int.
        loss: Loss of the labels.
        distillation: Loss against the teacher, or `None`.
        share: Float from 0 to 1, the weight of the distillation.
        correction: Callback against the bias to new classes, or `None`.
        freeze_old: Whether the columns of old classes stay as they are.
        statistics: `FeatureStatistics` to centre by, or `None`.
    """

    sources: tuple[str, ...]
    epochs: int
    loss: keras.losses.Loss
    distillation: object
    share: float
    correction: object
    freeze_old: bool
    statistics: FeatureStatistics | None

    @property
    def replays(self):
        """Whether old classes take part in the loss of the labels."""
        return bool(self.sources)

    @property
    def words(self):
        """The parts, in words, for the report."""
        parts = []
        if EXEMPLARS not in self.sources:
            parts.append("no exemplars")
        if self.replays:
            parts.append(f"replay of {' and '.join(self.sources)}")
            parts.append("class-balanced weights")
        if self.distillation is not None:
            parts.append("distillation of the old logits")
        if self.freeze_old:
            parts.append("old columns frozen")
        if self.correction is not None:
            parts.append(type(self.correction).__name__)
        return ", ".join(parts)


def make_plan(classifier, lesson, trunk, num_exemplars, statistics, options):
    """Chooses the parts of a phase.

    Exemplars are replayed, with class-balanced weights and a light
    distillation; so are features drawn from the statistics of the old
    classes, if these were seen and the features are frozen. With neither,
    distillation keeps the old logits (on frozen features the old columns are
    frozen instead, the limit of it), and the biases of the new classes are
    corrected on new pictures alone.
    """
    untaught = sorted(set(range(len(classifier.classes))) - set(lesson.taught))
    sources = tuple(_sources(untaught, num_exemplars, classifier, trunk))
    alone = not sources
    freeze = alone and bool(lesson.new_names) and not trunk.trains
    distils = bool(untaught) and not freeze
    share = len(untaught) / len(lesson.names) if distils else 0.0
    distillation = _part(options.distillation, MergedDistillation)
    correction = _part(
        options.correction, lambda: MarginCalibration() if alone else None
    )
    return Plan(
        sources=sources,
        epochs=options.epochs
        or (NETWORK_EPOCHS if trunk.trains else HEAD_EPOCHS),
        loss=_part(options.loss or "auto", CandidateSetCrossentropy),
        distillation=distillation if distils else None,
        share=share if alone else share * SHARE_BESIDE_REPLAY,
        correction=correction if lesson.new_names else None,
        freeze_old=freeze,
        statistics=statistics if _may_centre(classifier, options) else None,
    )


def make_optimizer(head, trunk, plan, options):
    """A fresh optimizer, slower below the head."""
    optimizer = options.optimizer
    if optimizer is None:
        optimizer = _default_optimizer(head, plan)
    elif isinstance(optimizer, keras.optimizers.Optimizer):
        optimizer = type(optimizer).from_config(optimizer.get_config())
    else:
        optimizer = keras.optimizers.get(optimizer)
    if not trunk.trains:
        return optimizer
    factor = BACKBONE_FACTOR
    if options.backbone_learning_rate is not None:
        factor = options.backbone_learning_rate / float(optimizer.learning_rate)
    return LearningRateMultiplier(
        optimizer, {paths_of(head): 1.0}, others=factor
    )


def _sources(untaught, num_exemplars, classifier, trunk):
    if num_exemplars:
        yield EXEMPLARS
    covered = untaught and classifier.statistics.covers(untaught)
    if covered and trunk.is_flat and not trunk.trains:
        yield STATISTICS


def _default_optimizer(head, plan):
    """Adam whose first steps move a logit by about one.

    A larger epsilon than usual keeps it from turning the rounding of
    features that never vary into steps of full length.
    """
    rate = 1e-3
    if plan.statistics is not None:
        rate = min(1.0 / head.input_dim, MAX_RATE)
    return keras.optimizers.Adam(rate, epsilon=1e-4)


def _part(part, default):
    return default() if isinstance(part, str) and part == "auto" else part


def _may_centre(classifier, options):
    # A penalty refers to the coordinates that the weights are stored in.
    penalised = any(
        getattr(callback, "protects_weights", False)
        for callback in options.callbacks
    )
    return can_centre(classifier.head) and not penalised
