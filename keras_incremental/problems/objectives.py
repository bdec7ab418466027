"""Objectives: what a phase minimizes, and the metrics that it shows."""

import abc
from collections.abc import Callable
from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from keras_incremental.conversion.backbone import Backbone
from keras_incremental.conversion.loss_outputs import check_loss
from keras_incremental.data.label_space import NOVEL
from keras_incremental.data.labels import NO_LABEL
from keras_incremental.distillation import MergedDistillation
from keras_incremental.distillation.term import Term
from keras_incremental.losses import CandidateSetCrossentropy
from keras_incremental.losses import DistillationCrossentropy
from keras_incremental.losses.function_loss import of_ints
from keras_incremental.losses.shapes import logits_at
from keras_incremental.memory import policies
from keras_incremental.metrics.balanced_accuracy import BalancedAccuracy
from keras_incremental.problems.candidate_sets import resolve_splits
from keras_incremental.problems.candidate_sets import with_candidates
from keras_incremental.recipes.recipe import LABEL_WEIGHTS
from keras_incremental.recipes.recipe import Recipe
from keras_incremental.recipes.recipe import is_auto
from keras_incremental.recipes.recipe import part_or
from keras_incremental.statistics import FeatureStatistics
from keras_incremental.utils.phase import Phase

if TYPE_CHECKING:
    from keras_incremental.models.inputs.samples import Samples
    from keras_incremental.models.phases.phase_data import Inputs

# Where old classes are replayed, the labels say what they look like.
SHARE_BESIDE_REPLAY = 0.1


class Objective(abc.ABC):
    """Base class of objectives, which make the loss of a phase.

    Attributes:
        balances_classes: Bool. Whether classes get weights by their numbers.
        calibrates_margins: Bool. Whether the biases of new classes can be
            corrected on new samples alone.
        centers_features: Bool. Whether features can be centered.
        solves_heads: Bool. Whether a head on frozen features can be solved
            from statistics.
        weighs_classes: Bool. Whether each sample has the weight of its class.
        unsupported: Names of the methods of a classifier that do not support
            the problem type.
    """

    balances_classes: bool = False
    calibrates_margins: bool = False
    centers_features: bool = False
    solves_heads: bool = False
    weighs_classes: bool = False
    unsupported: tuple[str, ...] = ()

    def check_recipe(self, recipe: Recipe, callbacks: Sequence = ()) -> None:
        """Raises if a part of a recipe is for another problem type.

        Args:
            recipe: `Recipe`.
            callbacks: Callbacks beside those of the recipe. Defaults to `()`.
        """
        if not is_auto(recipe.loss):
            check_loss(recipe.loss, True, "the network in training")

    def check_method(self, method: str) -> None:
        """Raises if a method of the classifier is not supported.

        Args:
            method: String, the name of the method.
        """
        if method in self.unsupported:
            raise ValueError(
                f"`{method}` is for classes that exclude each other. "
                "Received: a multi-label classifier. Pass old samples to "
                "`learn` as `old_data=(x, y)`, with 1, 0, or -1 for each "
                "class, and look at the probabilities of `predict`."
            )

    def statistics(
        self,
        known: FeatureStatistics,
        backbone: Backbone,
        inputs: "Inputs",
    ) -> tuple[FeatureStatistics, FeatureStatistics]:
        """Returns the feature statistics of a phase.

        Args:
            known: `FeatureStatistics` of earlier phases.
            backbone: `Backbone`.
            inputs: `Inputs`.

        Returns:
            Pair of `FeatureStatistics`: those to train with, and those to
            keep for later phases.
        """
        none = type(known)()
        return none, none

    @abc.abstractmethod
    def resolve_labels(
        self,
        classifier: keras.Model,
        inputs: "Inputs",
        samples: "Samples",
        propose: Callable,
    ) -> tuple["Inputs", tuple]:
        """Returns inputs with labels of what each sample may be.

        Args:
            classifier: `IncrementalClassifier`.
            inputs: `Inputs`, whose labels are classes.
            samples: `Samples`.
            propose: Function of inputs; the logits of the network so far.

        Returns:
            Pair of the `Inputs`, and a tuple of terms that decide what the
            labels leave open.
        """

    @abc.abstractmethod
    def loss(
        self, recipe: Recipe, inputs: "Inputs", samples: "Samples"
    ) -> keras.losses.Loss:
        """Returns the loss of the labels."""

    @abc.abstractmethod
    def terms(
        self,
        recipe: Recipe,
        phase: Phase,
        inputs: "Inputs",
        samples: "Samples",
        untaught: Sequence[int],
        backbone: Backbone,
    ) -> tuple[tuple, float]:
        """Returns the terms beside the loss of the labels.

        Args:
            recipe: `Recipe`.
            phase: `Phase`.
            inputs: `Inputs`.
            samples: `Samples`.
            untaught: Indices of old classes that the data does not show.
            backbone: `Backbone`.

        Returns:
            Pair of a tuple of `(factor, term)`, and the weight of the loss
            of the labels.
        """

    @abc.abstractmethod
    def freezes_old(
        self, classifier: keras.Model, samples: "Samples", alone: bool
    ) -> bool:
        """Returns whether old columns stay as they are on frozen features.

        Args:
            classifier: `IncrementalClassifier`.
            samples: `Samples`.
            alone: Bool. Whether nothing old is replayed.
        """

    @abc.abstractmethod
    def class_counts(
        self,
        policy: policies.MixingPolicy,
        labels: np.ndarray,
        exact: np.ndarray,
        num_new: int,
        batch_size: int,
        num_classes: int,
    ) -> np.ndarray:
        """Returns how many samples of each class an epoch shows.

        Args:
            policy: Mixing policy.
            labels: Labels of new samples and exemplars.
            exact: Bools, which labels are one class.
            num_new: Int. The number of new samples, which come first.
            batch_size: Int.
            num_classes: Int.
        """

    @abc.abstractmethod
    def metrics(self, num_old: int) -> list[keras.metrics.Metric]:
        """Returns the metrics that `fit` shows in a phase.

        Args:
            num_old: Int. The number of old classes.
        """

    @abc.abstractmethod
    def compile_defaults(
        self, from_logits: bool
    ) -> tuple[keras.losses.Loss, list | None]:
        """Returns the loss and the metrics that a classifier starts with.

        Args:
            from_logits: Bool. Whether the classifier gives logits.
        """


class SingleLabelObjective(Objective):
    """Crossentropy of one class for each sample, or of sets of classes."""

    balances_classes = True
    calibrates_margins = True
    centers_features = True
    solves_heads = True
    weighs_classes = True

    def statistics(
        self, known: FeatureStatistics, backbone: Backbone, inputs: "Inputs"
    ) -> tuple[FeatureStatistics, FeatureStatistics]:
        if not backbone.is_trainable:
            samples, labels = inputs.labeled
        else:
            known = type(known)()
            samples, labels = inputs.known
        found = known.updated(backbone.features_of(samples), labels)
        return found, found

    def resolve_labels(
        self,
        classifier: keras.Model,
        inputs: "Inputs",
        samples: "Samples",
        propose: Callable,
    ) -> tuple["Inputs", tuple]:
        label_space = samples.label_space(classifier)
        if label_space.is_plain and samples.partial_labels.is_plain:
            return inputs, ()
        inputs = with_candidates(classifier, inputs, samples, propose)
        return resolve_splits(inputs, samples)

    def loss(
        self, recipe: Recipe, inputs: "Inputs", samples: "Samples"
    ) -> keras.losses.Loss:
        return label_loss(recipe, inputs.table)

    def terms(
        self,
        recipe: Recipe,
        phase: Phase,
        inputs: "Inputs",
        samples: "Samples",
        untaught: Sequence[int],
        backbone: Backbone,
    ) -> tuple[tuple, float]:
        return terms_of(recipe, phase, inputs, samples, untaught, backbone)

    def freezes_old(
        self, classifier: keras.Model, samples: "Samples", alone: bool
    ) -> bool:
        return alone or only_splits(classifier, samples)

    def class_counts(
        self,
        policy: policies.MixingPolicy,
        labels: np.ndarray,
        exact: np.ndarray,
        num_new: int,
        batch_size: int,
        num_classes: int,
    ) -> np.ndarray:
        return policy.counts(labels, num_new, batch_size, num_classes)

    def metrics(self, num_old: int) -> list[keras.metrics.Metric]:
        return [LabeledAccuracy(), BalancedAccuracy(num_old)]

    def compile_defaults(
        self, from_logits: bool
    ) -> tuple[keras.losses.Loss, list | None]:
        loss = keras.losses.SparseCategoricalCrossentropy(
            from_logits=from_logits
        )
        return loss, ["accuracy"]


class SegmentationObjective(SingleLabelObjective):
    """Crossentropy of one class for each pixel, or for each token."""

    balances_classes = False
    calibrates_margins = False
    centers_features = False
    solves_heads = False
    weighs_classes = False

    def check_recipe(self, recipe: Recipe, callbacks: Sequence = ()) -> None:
        super().check_recipe(recipe, callbacks)
        if recipe.memory is not None:
            raise ValueError(
                "A memory keeps samples by their class, and a sample of "
                "many pixels or tokens has several. Received: memory="
                f"{recipe.memory!r}. Keep old samples with their labels "
                "yourself, and pass them to `learn` as `old_data=(x, y)`."
            )

    def statistics(
        self, known: FeatureStatistics, backbone: Backbone, inputs: "Inputs"
    ) -> tuple[FeatureStatistics, FeatureStatistics]:
        # Pixels and tokens are too many, and too alike.
        none = type(known)()
        return none, none

    def class_counts(
        self,
        policy: policies.MixingPolicy,
        labels: np.ndarray,
        exact: np.ndarray,
        num_new: int,
        batch_size: int,
        num_classes: int,
    ) -> np.ndarray:
        # Pixels of a sample come together, whatever the policy.
        return policies.Concatenate().counts(
            labels[exact], num_new, batch_size, num_classes
        )


class LabeledAccuracy(keras.metrics.SparseCategoricalAccuracy):
    """Accuracy of those samples whose label is one class."""

    def __init__(self):
        super().__init__("accuracy")

    def update_state(self, y_true, y_pred, sample_weight=None):
        labels = ops.cast(y_true, "int32")
        y_pred = logits_at(labels, y_pred)
        known = ops.logical_and(labels >= 0, labels < y_pred.shape[-1])
        super().update_state(y_true, y_pred, ops.cast(known, "float32"))


def only_splits(classifier, samples):
    """Returns whether all new classes are subclasses of old ones."""
    parents = samples.partial_labels.parents
    divides = classifier.head.can_split
    return divides and bool(parents) and NOVEL not in parents


def splits_any(classifier, samples):
    """Returns whether some new class is a subclass of an old one."""
    return classifier.head.can_split and samples.partial_labels.splits


def label_loss(recipe, table):
    """Returns the loss of the labels, given the classes they may be."""
    loss = recipe.loss
    if is_auto(loss):
        loss = CandidateSetCrossentropy(ignore_class=NO_LABEL)
    if table is None:
        return of_ints(loss)
    if not isinstance(loss, CandidateSetCrossentropy):
        raise ValueError(
            f"The loss of recipe '{recipe.name}' reads labels of one class "
            f"each. Received: {type(loss).__name__}, where labels are missing, "
            "classes are merged or a class is a subclass of another. Use "
            "`CandidateSetCrossentropy`, or a recipe that leaves the loss "
            "open."
        )
    weights = loss.label_weights
    if weights is not None:
        # A set of classes counts as its members do on average.
        weights = [*weights, *_mean_weights(weights, table)]
    changes = {"table": table, "label_weights": weights}
    return type(loss).from_config({**loss.get_config(), **changes})


def _mean_weights(weights, table):
    sets = table[len(weights) :]
    return sets @ np.asarray(weights) / sets.sum(1)


def has_negatives(inputs, samples):
    """Returns whether some new sample is known to be of no new class."""
    if inputs.table is None:
        return False
    shown = np.unique(inputs.new_labels)
    rows = inputs.table[shown[shown >= inputs.table.shape[1]]]
    exact = np.intersect1d(shown, samples.shown)
    known = len(samples.classes) - len(samples.new_classes)
    return bool(len(rows) and not rows[:, known:].all()) or bool(
        (exact < known).any()
    )


def terms_of(recipe, phase, inputs, samples, untaught, backbone):
    """Returns pairs of factors and terms, and the weight of the labels."""
    is_trainable = backbone.is_trainable
    if isinstance(recipe.terms, tuple):
        stored = inputs.stored is not None
        pairs = recipe.bound_terms(phase, bool(untaught), is_trainable, stored)
        return pairs, LABEL_WEIGHTS[recipe.label_weight](phase)
    loss = part_or(recipe.terms, _distillation(samples.partial_labels))
    if loss is None or not untaught:
        return (), 1.0
    if not samples.partial_labels.is_plain:
        return ((SHARE_BESIDE_REPLAY if inputs.sources else 1.0, loss),), 1.0
    share = len(untaught) / phase.num_classes
    if inputs.sources:
        share *= SHARE_BESIDE_REPLAY
    return ((share, loss),), 1.0 - share


def _distillation(partial_labels):
    """Returns the loss that keeps old outputs, by where new classes were."""
    if partial_labels.is_plain:
        return DistillationCrossentropy()
    return MergedDistillation(partial_labels.parents)


def describe(term):
    """Returns the name of a term, for the report."""
    if isinstance(term, Term):
        return type(term).__name__
    return "distillation of the old logits"
