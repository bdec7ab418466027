"""Which parts a phase uses: those of a recipe, or chosen by what there is."""

import dataclasses

import keras

from keras_incremental.callbacks.margin_calibration import MarginCalibration
from keras_incremental.distillation.term import Term
from keras_incremental.losses import CandidateSetCrossentropy
from keras_incremental.losses import MergedDistillation
from keras_incremental.memory import policies
from keras_incremental.models.centring import Coordinates
from keras_incremental.models.centring import can_centre
from keras_incremental.models.recipe import AUTOMATIC
from keras_incremental.models.recipe import LABEL_WEIGHTS
from keras_incremental.models.recipe import MEMORY
from keras_incremental.models.recipe import Recipe
from keras_incremental.models.recipe import correcting
from keras_incremental.models.recipe import is_auto
from keras_incremental.optimizers import LearningRateMultiplier
from keras_incremental.optimizers import paths_of
from keras_incremental.utils.phase import Phase
from keras_incremental.utils.phase import for_phase

EXEMPLARS, STATISTICS = "exemplars", "feature statistics"
# Where old classes are replayed, the labels say what they look like.
SHARE_BESIDE_REPLAY = 0.1
HEAD_EPOCHS = 20
NETWORK_EPOCHS = 5
BACKBONE_FACTOR = 0.01
MAX_RATE = 0.05
UNLABELLED_CLASS = -1


@dataclasses.dataclass(frozen=True)
class Plan:
    """The parts of one phase.

    Attributes:
        recipe: `Recipe` that they come from.
        phase: `Phase`.
        sources: What stands for old classes: of `"exemplars"` and
            `"feature statistics"` those that there are.
        epochs: Int.
        loss: Loss of the labels.
        label_weight: Float, what it is multiplied by.
        terms: Pairs `(factor, term)` that are added to it.
        policy: Decides which samples are in which batch.
        callbacks: Tuple of callbacks.
        correction: Callback against the bias to new classes, or `None`.
        freeze_old: Whether the columns of old classes stay as they are.
        coordinates: `Coordinates` to train the head in, or `None`.
    """

    recipe: Recipe
    phase: Phase
    sources: tuple[str, ...]
    epochs: int
    loss: keras.losses.Loss
    label_weight: float
    terms: tuple
    policy: object
    callbacks: tuple
    correction: object
    freeze_old: bool
    coordinates: Coordinates | None

    @property
    def words(self):
        """The parts, in words, for the report."""
        parts = []
        if self.recipe.name != AUTOMATIC:
            parts.append(self.recipe.name)
        if EXEMPLARS not in self.sources:
            parts.append("no exemplars")
        if self.sources:
            parts.append(f"replay of {' and '.join(self.sources)}")
            parts.append(self.policy.words)
        parts.extend(_words(term) for _, term in self.terms)
        if self.freeze_old:
            parts.append("old columns frozen")
        if self.recipe.stage is not None:
            parts.append("balanced stage")
        if self.correction is not None:
            parts.append(type(self.correction).__name__)
        return ", ".join(parts)


def make_plan(classifier, lesson, trunk, inputs, statistics, options):
    """Chooses the parts of a phase.

    What the recipe leaves open follows from what there is: exemplars are
    replayed, with class-balanced weights and a light distillation; so are
    features drawn from the statistics of the old classes, if these were seen
    and the features are frozen. With neither, distillation keeps the old
    logits (on frozen features the old columns are frozen instead, the limit
    of it), and the biases of the new classes are corrected on new pictures
    alone.
    """
    recipe = options.applied_to(classifier.recipe)
    alone, arrives = not inputs.sources, bool(lesson.new_names)
    freeze = recipe.freeze_old
    if is_auto(freeze):
        freeze = alone and not trunk.trains
    corrected = bool(correcting(recipe, options.callbacks))
    calibrate = alone and not corrected
    correction = _part(
        recipe.correction, lambda: MarginCalibration() if calibrate else None
    )
    natural = alone or corrected
    policy = _part(
        recipe.policy, policies.Concatenate if natural else policies.Weighted
    )
    loss = _part(recipe.loss, _crossentropy)
    phase = _phase(classifier, lesson, inputs, policy, options.batch_size)
    terms, label_weight = _terms(
        recipe, phase, inputs, _untaught(classifier, lesson), trunk.trains
    )
    if freeze and arrives and is_auto(recipe.terms):
        terms, label_weight = (), 1.0
    return Plan(
        recipe=recipe,
        phase=phase,
        sources=inputs.sources,
        epochs=recipe.epochs
        or options.epochs
        or (NETWORK_EPOCHS if trunk.trains else HEAD_EPOCHS),
        loss=for_phase(loss, phase),
        label_weight=label_weight,
        terms=terms,
        policy=policy,
        callbacks=(*options.callbacks, *recipe.callbacks),
        correction=correction if arrives else None,
        freeze_old=freeze and arrives,
        coordinates=coordinates_of(classifier, statistics, trunk, options),
    )


def sources_of(classifier, lesson, trunk, num_exemplars):
    """What stands for the old classes that a lesson does not show."""
    if num_exemplars:
        yield EXEMPLARS
    untaught = _untaught(classifier, lesson)
    covered = untaught and classifier.statistics.covers(untaught)
    lasting = trunk.is_flat and not trunk.trains
    if classifier.recipe.statistics and covered and lasting:
        yield STATISTICS


def make_optimizer(head, trunk, plan, options, rate=1.0):
    """A fresh optimizer, slower below the head, all of it `rate` times."""
    optimizer = _base_optimizer(head, plan, options)
    factor = _backbone_factor(optimizer, plan, options)
    if rate != 1.0:
        optimizer = _slower(optimizer, rate)
    if trunk.trains:
        optimizer = LearningRateMultiplier(
            optimizer, {paths_of(head): 1.0}, others=factor
        )
    for callback in plan.callbacks:
        wrap = getattr(callback, "wrap_optimizer", None)
        optimizer = optimizer if wrap is None else wrap(optimizer)
    return optimizer


def _base_optimizer(head, plan, options):
    optimizer = options.optimizer
    if optimizer is None:
        return _default_optimizer(head, plan)
    if isinstance(optimizer, keras.optimizers.Optimizer):
        return type(optimizer).from_config(optimizer.get_config())
    return keras.optimizers.get(optimizer)


def _backbone_factor(optimizer, plan, options):
    """How fast what is below the head learns, beside the head."""
    if options.backbone_learning_rate is not None:
        return options.backbone_learning_rate / float(optimizer.learning_rate)
    return 1.0 if plan.recipe.restart else BACKBONE_FACTOR


def _slower(optimizer, rate):
    config = optimizer.get_config()
    config["learning_rate"] = rate * float(optimizer.learning_rate)
    return type(optimizer).from_config(config)


def _default_optimizer(head, plan):
    """Adam whose first steps move a logit by about one.

    A larger epsilon than usual keeps it from turning the rounding of
    features that never vary into steps of full length.
    """
    rate = 1e-3
    if plan.coordinates is not None:
        rate = min(1.0 / head.input_dim, MAX_RATE)
    return keras.optimizers.Adam(rate, epsilon=1e-4)


def _crossentropy():
    return CandidateSetCrossentropy(ignore_class=UNLABELLED_CLASS)


def _phase(classifier, lesson, inputs, policy, batch_size):
    groups = classifier.head.group_sizes
    if lesson.new_names:
        groups = (*groups, len(lesson.new_names))
    labels, num_new = inputs.known[1], len(inputs.labelled[1])
    if classifier.recipe.trains_on == MEMORY:
        labels, num_new = inputs.old_labels, 0
    counts = policy.counts(labels, num_new, batch_size, len(lesson.names))
    return Phase(
        group_sizes=groups,
        num_old=len(classifier.classes),
        counts=tuple(counts),
        index=classifier.phases,
    )


def _terms(recipe, phase, inputs, untaught, trains):
    """Pairs of factors and terms, and the weight of the labels."""
    if isinstance(recipe.terms, tuple):
        stored = inputs.stored is not None
        pairs = recipe.bound_terms(phase, bool(untaught), trains, stored)
        return pairs, LABEL_WEIGHTS[recipe.label_weight](phase)
    loss = _part(recipe.terms, MergedDistillation)
    if loss is None or not untaught:
        return (), 1.0
    share = len(untaught) / phase.num_classes
    if inputs.sources:
        share *= SHARE_BESIDE_REPLAY
    return ((share, loss),), 1.0 - share


def _untaught(classifier, lesson):
    return sorted(set(range(len(classifier.classes))) - set(lesson.taught))


def _part(part, default):
    return default() if is_auto(part) else part


def _words(term):
    if isinstance(term, Term):
        return type(term).__name__
    return "distillation of the old logits"


def coordinates_of(classifier, statistics, trunk, options):
    """Where the features of a head lie, or `None` to leave them there."""
    # A penalty refers to the coordinates that the weights are stored in.
    penalised = any(
        getattr(callback, "protects_weights", False)
        for callback in (*options.callbacks, *classifier.recipe.callbacks)
    )
    rescales = options.optimizer is None
    may = classifier.recipe.centres and can_centre(classifier.head)
    if penalised or not may:
        return None
    # The learning rate of a user is meant for the features as they are.
    # Frozen ones without their mean are smaller, so that it stays stable.
    if trunk.trains and not rescales:
        return None
    return Coordinates(statistics.mean, statistics.scale if rescales else 1.0)
