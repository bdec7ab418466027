"""What a phase minimizes: the loss of the labels, and terms beside it."""

import numpy as np

from keras_incremental.data.label_space import NOVEL
from keras_incremental.data.labels import NO_LABEL
from keras_incremental.distillation import MergedDistillation
from keras_incremental.distillation.term import Term
from keras_incremental.layers.expandable_dense import ExpandableDense
from keras_incremental.losses import CandidateSetCrossentropy
from keras_incremental.losses import DistillationCrossentropy
from keras_incremental.models.recipe import LABEL_WEIGHTS
from keras_incremental.models.recipe import is_auto

# Where old classes are replayed, the labels say what they look like.
SHARE_BESIDE_REPLAY = 0.1


def part_or(part, default):
    """A part of a recipe, or what a phase chooses in its place."""
    return default() if is_auto(part) else part


def only_splits(classifier, samples):
    """Whether the head only divides what it said of old classes."""
    parents = samples.partial_labels.parents
    divides = isinstance(classifier.head, ExpandableDense)
    return divides and bool(parents) and NOVEL not in parents


def splits_any(classifier, samples):
    """Whether some new class divides what the head said of an old one."""
    divides = isinstance(classifier.head, ExpandableDense)
    return divides and samples.partial_labels.splits


def label_loss(recipe, table):
    """The loss of the labels, told what they may be."""
    loss = recipe.loss
    if is_auto(loss):
        loss = CandidateSetCrossentropy(ignore_class=NO_LABEL)
    if table is None:
        return loss
    if not isinstance(loss, CandidateSetCrossentropy):
        raise ValueError(
            f"The loss of recipe '{recipe.name}' reads labels of one class "
            f"each. Received: {type(loss).__name__}, where labels are missing "
            "or a class came out of another. Use "
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
    """Whether some new sample is known not to be of a new class."""
    if inputs.table is None:
        return False
    shown = np.unique(inputs.new_labels)
    rows = inputs.table[shown[shown >= inputs.table.shape[1]]]
    exact = np.intersect1d(shown, samples.phase_classes)
    known = len(samples.names) - len(samples.new_classes)
    return bool(len(rows) and not rows[:, known:].all()) or bool(
        (exact < known).any()
    )


def terms_of(recipe, phase, inputs, samples, untaught, backbone):
    """Pairs of factors and terms, and the weight of the labels."""
    is_trainable = backbone.is_trainable
    if isinstance(recipe.terms, tuple):
        stored = inputs.stored is not None
        pairs = recipe.bound_terms(phase, bool(untaught), is_trainable, stored)
        return pairs, LABEL_WEIGHTS[recipe.label_weight](phase)
    loss = part_or(recipe.terms, lambda: _distillation(samples.partial_labels))
    if loss is None or not untaught:
        return (), 1.0
    if not samples.partial_labels.is_plain:
        return ((SHARE_BESIDE_REPLAY if inputs.sources else 1.0, loss),), 1.0
    share = len(untaught) / phase.num_classes
    if inputs.sources:
        share *= SHARE_BESIDE_REPLAY
    return ((share, loss),), 1.0 - share


def _distillation(partial_labels):
    """What keeps the old outputs, by where new classes were before."""
    if partial_labels.is_plain:
        return DistillationCrossentropy()
    return MergedDistillation(partial_labels.parents)


def describe(term):
    """A term, for the report."""
    if isinstance(term, Term):
        return type(term).__name__
    return "distillation of the old logits"
