"""Which parts a phase uses: those of a recipe, or chosen by what there is."""

import dataclasses

import keras

from keras_incremental.callbacks.held_out_stopping import HeldOutStopping
from keras_incremental.callbacks.margin_calibration import MarginCalibration
from keras_incremental.callbacks.phase_callback import HELD_OUT
from keras_incremental.callbacks.phase_callback import phase_callbacks
from keras_incremental.memory import policies
from keras_incremental.models.centering import Coordinates
from keras_incremental.models.centering import can_center
from keras_incremental.models.phases.phase_data import EXEMPLARS
from keras_incremental.models.phases.stopping import epochs_of
from keras_incremental.models.phases.stopping import stopping_of
from keras_incremental.problems.objectives import describe
from keras_incremental.problems.objectives import has_negatives
from keras_incremental.problems.objectives import only_splits
from keras_incremental.problems.objectives import splits_any
from keras_incremental.problems.partial_labels import ResolvedLabels
from keras_incremental.recipes.recipe import AUTOMATIC
from keras_incremental.recipes.recipe import Recipe
from keras_incremental.recipes.recipe import correcting
from keras_incremental.recipes.recipe import is_auto
from keras_incremental.recipes.recipe import part_or
from keras_incremental.utils.phase import Phase
from keras_incremental.utils.phase import for_phase

# The ways in which a phase lets the head learn.
TRAINED, SOLVED, DESCRIBED = "trained", "solved", "described"


@dataclasses.dataclass(frozen=True)
class Plan:
    """The parts of one phase.

    Attributes:
        recipe: `Recipe` that they come from.
        phase: `Phase`.
        sources: What stands for old classes: of `"exemplars"` and
            `"feature statistics"` those that there are.
        policy: Decides which samples are in which batch.
        callbacks: Tuple of callbacks.
        partial_labels: `ResolvedLabels`, where the new classes were before.
        way: How the head learns: it is `"trained"`, `"solved"` from
            statistics, or its new classes are `"described"`. The attributes
            below are of a head that is trained.
        epochs: Int, the most of them.
        loss: Loss of the labels.
        label_weight: Float, what it is multiplied by.
        terms: Pairs `(factor, term)` that are added to it.
        bias_correction: Callback against the bias to new classes, or `None`.
        left_out: Callback against that bias that the phase does without, or
            `None`.
        freeze_old: Whether the columns of old classes stay as they are.
        coordinates: `Coordinates` to train the head in, or `None`.
    """

    recipe: Recipe
    phase: Phase
    sources: tuple[str, ...]
    policy: object
    callbacks: tuple
    partial_labels: ResolvedLabels
    way: str = TRAINED
    epochs: int = 0
    loss: keras.losses.Loss | None = None
    label_weight: float = 1.0
    terms: tuple = ()
    bias_correction: object = None
    left_out: object = None
    freeze_old: bool = False
    coordinates: Coordinates | None = None

    def beside(self, terms):
        """The plan with terms added to its own."""
        bound = ((t.factor(self.phase), t.for_phase(self.phase)) for t in terms)
        return dataclasses.replace(self, terms=(*self.terms, *bound))

    @property
    def validation_share(self):
        """Float, the largest part of the samples that a callback holds out."""
        return max(
            (
                callback.validation_share
                for callback in self.phase_callbacks
                if callback.required_data == HELD_OUT and callback.data is None
            ),
            default=0.0,
        )

    @property
    def phase_callbacks(self):
        """Tuple of the `PhaseCallback`s of the phase."""
        return phase_callbacks((*self.callbacks, self.bias_correction))

    @property
    def description(self):
        """The parts, in words, for the report."""
        if self.way == SOLVED:
            return _solution(self.sources)
        if self.way == DESCRIBED:
            return "classes described by where their samples lie"
        parts = []
        if self.recipe.name != AUTOMATIC:
            parts.append(self.recipe.name)
        if EXEMPLARS not in self.sources:
            parts.append("no exemplars")
        if self.sources:
            parts.append(f"replay of {' and '.join(self.sources)}")
            parts.append(self.policy.description)
        parts.extend(describe(term) for _, term in self.terms)
        if self.freeze_old:
            parts.append("old columns frozen")
        if self.recipe.stage is not None:
            parts.append("balanced stage")
        if any(isinstance(c, HeldOutStopping) for c in self.callbacks):
            parts.append("epochs by held-out samples")
        if self.bias_correction is not None:
            parts.append(type(self.bias_correction).__name__)
        if self.left_out is not None:
            name = type(self.left_out).__name__
            parts.append(f"no {name}, as old classes are divided")
        return ", ".join(parts)


def _solution(sources):
    what = " and ".join(sources or ("new samples",))
    start = "" if EXEMPLARS in sources else "no exemplars, "
    return f"{start}head solved from {what}, calibrated"


def make_plan(classifier, samples, backbone, inputs, statistics, options):
    """Chooses the parts of a phase that trains.

    What the recipe leaves open follows from what there is. Exemplars are
    replayed, with class-balanced weights and a light distillation; so are
    features drawn from the statistics of the old classes, if these were seen
    and the features are frozen. With neither, distillation keeps the old
    logits (on frozen features the old columns are frozen instead, the limit
    of it), and the biases of the new classes are corrected on new samples
    alone. Where all new classes came out of old ones, the frozen columns of
    these keep what they said.
    """
    stopping = stopping_of(classifier, samples, backbone, inputs, options)
    plan = bare_plan(TRAINED, classifier, samples, inputs, options, stopping)
    recipe, phase = classifier.recipe, plan.phase
    objective = classifier.problem.objective
    alone, arrives = not inputs.sources, bool(samples.new_classes)
    divides = only_splits(classifier, samples)
    freeze = recipe.freeze_old
    if is_auto(freeze):
        keeps = objective.freezes_old(classifier, samples, alone)
        freeze = keeps and not backbone.is_trainable
    corrected = bool(correcting(recipe, options.callbacks))
    calibrate = (
        alone
        and not corrected
        and objective.calibrates_margins
        and not has_negatives(inputs, samples)
    )
    bias_correction = part_or(
        recipe.bias_correction, MarginCalibration() if calibrate else None
    )
    automatic = is_auto(recipe.bias_correction)
    splits = automatic and splits_any(classifier, samples)
    left_out = bias_correction if divides or splits else None
    loss = objective.loss(recipe, inputs, samples)
    missing = samples.missing_classes(classifier.label_space)
    terms, label_weight = objective.terms(
        recipe, phase, inputs, samples, missing, backbone
    )
    if freeze and arrives and is_auto(recipe.terms):
        terms, label_weight = (), 1.0
    return dataclasses.replace(
        plan,
        epochs=epochs_of(recipe, options, backbone, bool(stopping)),
        loss=for_phase(loss, phase),
        label_weight=label_weight,
        terms=terms,
        bias_correction=bias_correction if arrives and not left_out else None,
        left_out=left_out,
        freeze_old=freeze and arrives,
        coordinates=coordinates_of(classifier, statistics, backbone, options),
    )


def bare_plan(way, classifier, samples, inputs, options, stopping=()):
    """Chooses the parts that any phase has.

    Args:
        way: String, how the head learns, see `Plan`.
        classifier: `IncrementalClassifier`.
        samples: `Samples` to learn.
        inputs: `Inputs`.
        options: `FitOptions`.
        stopping: Callbacks that end the training. Defaults to `()`.
    """
    recipe = classifier.recipe
    callbacks = (*stopping, *options.callbacks, *recipe.callbacks)
    policy = part_or(
        recipe.policy, _default_policy(classifier, samples, inputs, options)
    )
    chosen = selected(inputs, phase_callbacks(callbacks))
    return Plan(
        recipe=recipe,
        phase=_phase(classifier, samples, chosen, policy, options.batch_size),
        sources=inputs.sources,
        policy=policy,
        callbacks=callbacks,
        partial_labels=samples.partial_labels,
        way=way,
    )


def _default_policy(classifier, samples, inputs, options):
    """Returns the policy of a memory, or what suits the phase."""
    memory = classifier.memory
    policy = None if memory is None else memory.mixing_policy
    if policy is not None:
        return policy
    natural = (
        not inputs.sources
        or correcting(classifier.recipe, options.callbacks)
        or only_splits(classifier, samples)
        or not classifier.problem.objective.balances_classes
    )
    return policies.Concatenate() if natural else policies.Weighted()


def selected(inputs, callbacks):
    """Returns the samples that a phase trains on.

    Args:
        inputs: `Inputs`, all samples of the phase.
        callbacks: `PhaseCallback`s, which select in turn.
    """
    for callback in callbacks:
        inputs = callback.select_samples(inputs)
    return inputs


def _phase(classifier, samples, inputs, policy, batch_size):
    groups = classifier.head.group_sizes
    if samples.new_classes:
        groups = (*groups, len(samples.new_classes))
    labels, num_new = inputs.known_labels
    counts = classifier.problem.objective.class_counts(
        policy,
        labels,
        inputs.is_exact(labels),
        num_new,
        batch_size,
        len(samples.classes),
    )
    return Phase(
        group_sizes=groups,
        num_old=len(classifier.classes),
        counts=tuple(counts),
        index=classifier.num_phases,
    )


def coordinates_of(classifier, statistics, backbone, options):
    """Where the features of a head lie, or `None` to leave them there."""
    # A penalty refers to the coordinates that the weights are stored in.
    callbacks = (*options.callbacks, *classifier.recipe.callbacks)
    penalized = any(c.protects_weights for c in phase_callbacks(callbacks))
    rescales = options.optimizer is None
    may = classifier.recipe.center_features and can_center(classifier.head)
    may = may and classifier.problem.objective.centers_features
    if penalized or not may:
        return None
    # The learning rate of a user is meant for the features as they are.
    # Frozen ones without their mean are smaller, so that it stays stable.
    if backbone.is_trainable and not rescales:
        return None
    return Coordinates(statistics.mean, statistics.scale if rescales else 1.0)
