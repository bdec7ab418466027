"""The objective where several classes may apply to one sample."""

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from keras_incremental.callbacks.phase_callback import PhaseCallback
from keras_incremental.conversion.backbone import Backbone
from keras_incremental.data.multi_hot import NO
from keras_incremental.data.multi_hot import YES
from keras_incremental.data.multi_hot import implied
from keras_incremental.data.multi_hot import widened
from keras_incremental.distillation.sigmoid_distillation import (
    SigmoidDistillation,
)
from keras_incremental.losses.partial_binary_crossentropy import UNKNOWN
from keras_incremental.losses.partial_binary_crossentropy import (
    PartialBinaryCrossentropy,
)
from keras_incremental.losses.positive_unlabeled import IGNORED
from keras_incremental.losses.positive_unlabeled import POSITIVE
from keras_incremental.losses.positive_unlabeled import UNLABELED
from keras_incremental.losses.positive_unlabeled import PositiveUnlabeledLoss
from keras_incremental.memory import policies
from keras_incremental.problems.candidate_sets import only_positive
from keras_incremental.problems.candidate_sets import open_labels
from keras_incremental.problems.candidate_sets import warn_only_positive
from keras_incremental.problems.objectives import Objective
from keras_incremental.recipes.recipe import LABEL_WEIGHTS
from keras_incremental.recipes.recipe import Recipe
from keras_incremental.recipes.recipe import is_auto
from keras_incremental.statistics import FeatureStatistics
from keras_incremental.utils.phase import Phase

if TYPE_CHECKING:
    from keras_incremental.models.inputs.samples import Samples
    from keras_incremental.models.phases.phase_data import Inputs

# What terms may read that do not compare softmaxes.
WITHOUT_SOFTMAX = {"features", "maps"}


class MultiLabelObjective(Objective):
    """Binary crossentropy of the known labels of each class."""

    centers_features = True
    unsupported = ("observe", "remember", "tune")

    def check_recipe(self, recipe: Recipe, callbacks: Sequence = ()) -> None:
        super().check_recipe(recipe, callbacks)
        check_parts(recipe, callbacks)

    def statistics(
        self, known: FeatureStatistics, backbone: Backbone, inputs: "Inputs"
    ) -> tuple[FeatureStatistics, FeatureStatistics]:
        # A sample has no class of its own, so there is one mean for all.
        samples, labels = inputs.labeled
        features = backbone.features_of(samples)
        none = type(known)()
        return none.updated(features, np.zeros(len(labels), int)), none

    def resolve_labels(
        self,
        classifier: keras.Model,
        inputs: "Inputs",
        samples: "Samples",
        propose: Callable,
    ) -> tuple["Inputs", tuple]:
        parents = samples.label_space(classifier).parents
        old = widened(inputs.old_labels, len(parents))
        for k, absent in enumerate(samples.partial_labels.absent):
            if absent:
                old[:, len(classifier.classes) + k] = NO
        inputs = dataclasses.replace(
            inputs,
            new_labels=implied(inputs.new_labels, parents),
            old_labels=implied(old, parents),
        )
        warn_only_positive(inputs, samples)
        return inputs, ()

    def loss(
        self, recipe: Recipe, inputs: "Inputs", samples: "Samples"
    ) -> keras.losses.Loss:
        return label_loss(recipe, inputs, samples)

    def terms(
        self,
        recipe: Recipe,
        phase: Phase,
        inputs: "Inputs",
        samples: "Samples",
        untaught: Sequence[int],
        backbone: Backbone,
    ) -> tuple[tuple, float]:
        return terms_of(recipe, phase, backbone.is_trainable)

    def freezes_old(
        self, classifier: keras.Model, samples: "Samples", alone: bool
    ) -> bool:
        known = len(classifier.classes)
        return not (samples.labels[:, :known] != UNKNOWN).any()

    def class_counts(
        self,
        policy: policies.MixingPolicy,
        labels: np.ndarray,
        exact: np.ndarray,
        num_new: int,
        batch_size: int,
        num_classes: int,
    ) -> np.ndarray:
        return (labels == YES).sum(0)

    def metrics(self, num_old: int) -> list[keras.metrics.Metric]:
        return [KnownAccuracy()]

    def compile_defaults(
        self, from_logits: bool
    ) -> tuple[keras.losses.Loss, list | None]:
        return PartialBinaryCrossentropy(from_logits=from_logits), None


class KnownAccuracy(keras.metrics.Mean):
    """Share of the known labels that logits predict."""

    def __init__(self):
        super().__init__("accuracy")

    def update_state(self, y_true, y_pred, sample_weight=None):
        known = ops.not_equal(y_true, UNKNOWN)
        right = ops.equal(y_true > 0.5, y_pred > 0)
        super().update_state(
            ops.cast(right, "float32"), ops.cast(known, "float32")
        )


def label_loss(recipe, inputs, samples):
    """Returns the loss of known labels, and of classes of a known share."""
    loss = recipe.loss
    if is_auto(loss):
        loss = PartialBinaryCrossentropy()
    risks = [
        (child, parent, PositiveUnlabeledLoss(share))
        for child, parent, share in only_positive(inputs, samples)
        if share is not None
    ]
    return WithShares(loss, risks) if risks else loss


def terms_of(recipe, phase, is_trainable):
    """Returns pairs of factors and terms, and the weight of the labels.

    Columns do not compete, so an old one changes only where the network
    below it does.
    """
    terms = recipe.terms
    if is_auto(terms):
        terms = (SigmoidDistillation(),) if is_trainable else ()
    if terms is None or not phase.num_old:
        return (), 1.0
    if not isinstance(terms, tuple):
        return ((1.0, terms),), 1.0
    pairs = [
        (term.factor(phase), term.for_phase(phase))
        for term in terms
        if is_trainable or not term.only_below_head
    ]
    return tuple(pairs), LABEL_WEIGHTS[recipe.label_weight](phase)


class WithShares(keras.losses.Loss):
    """Partial binary crossentropy, and the risk of classes of a share.

    Args:
        loss: Loss of the known labels.
        risks: List of triples: a class of which only the yes is known, its
            parent or -1, and its `PositiveUnlabeledLoss`.
    """

    def __init__(self, loss, risks):
        super().__init__(name=loss.name, reduction=None, dtype="float32")
        self.loss = loss
        self.risks = risks

    def __call__(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, "float32")
        decided = [child for child, *_ in self.risks]
        columns = ops.arange(y_pred.shape[-1])
        elsewhere = sum(ops.cast(columns == k, "int32") for k in decided) > 0
        known = ops.where(elsewhere, float(UNKNOWN), y_true)
        total = self.loss(known, y_pred, sample_weight)
        for child, parent, risk in self.risks:
            says = self._said(y_true, child, parent)
            total = total + risk(says, y_pred[:, child : child + 1])
        return total

    def _said(self, labels, child, parent):
        says = ops.full_like(labels[:, child], IGNORED)
        is_open = open_labels(labels, child, parent)
        says = ops.where(is_open, float(UNLABELED), says)
        return ops.where(labels[:, child] == YES, float(POSITIVE), says)


def check_parts(recipe, callbacks=()):
    """Raises if a part of a recipe needs classes that exclude each other."""
    parts = [name for name, fits in _FITS.items() if not fits(recipe)]
    if _read_data(callbacks):
        parts.append("callbacks")
    if "memory" in parts:
        raise ValueError(
            "A memory keeps exemplars of one class each, and here a sample "
            f"may show several. Received: memory={recipe.memory!r}. Pass old "
            "samples to `learn` as `old_data=(x, y)`, with 1, 0, or -1 for "
            "each class."
        )
    if parts:
        raise ValueError(
            f"Parts of the recipe '{recipe.name}' are for classes that "
            f"exclude each other. Received: {', '.join(parts)}. Leave them "
            'out, for a multi-label classifier, or "auto"; the loss may be '
            "`losses.PartialBinaryCrossentropy`, and terms "
            "`distillation.SigmoidDistillation` or such as compare features."
        )


def _fits_term(term):
    return isinstance(term, SigmoidDistillation) or (
        {*term.reads, *term.teacher_reads} <= WITHOUT_SOFTMAX
    )


def _read_data(callbacks):
    return any(
        callback.required_data is not None
        for callback in callbacks
        if isinstance(callback, PhaseCallback)
    )


def _is_open(value):
    return value is None or is_auto(value)


_FITS = {
    "memory": lambda r: r.memory is None,
    "head": lambda r: r.head is None or r.head.can_be_multi_label,
    "readout": lambda r: r.readout is None,
    "loss": lambda r: (
        is_auto(r.loss) or isinstance(r.loss, PartialBinaryCrossentropy)
    ),
    "terms": lambda r: (
        not isinstance(r.terms, tuple) or all(map(_fits_term, r.terms))
    ),
    "policy": lambda r: (
        is_auto(r.policy) or isinstance(r.policy, policies.Concatenate)
    ),
    "callbacks": lambda r: not _read_data(r.callbacks),
    "bias_correction": lambda r: _is_open(r.bias_correction),
    "stage": lambda r: r.stage is None,
    "initializer": lambda r: r.initializer != "imprinting",
    "statistics": lambda r: r.statistics is not True,
}
