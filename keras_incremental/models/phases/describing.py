"""Whether and how a phase describes its classes, in place of training."""

import numpy as np

from keras_incremental.data.labels import NO_LABEL
from keras_incremental.layers.described_classes import LEAST
from keras_incremental.models.phases.auxiliary import brought
from keras_incremental.models.phases.solvable import asks_to_train
from keras_incremental.models.phases.solvable import is_free


def is_described(classifier, samples, backbone, inputs, options):
    """Returns whether a phase describes the classes that it shows.

    It does where nothing below the head trains and there is nothing of the
    old classes but the head: new columns would be trained against nothing.
    So it does in all later phases, until there are samples of all classes.

    Args:
        classifier: `IncrementalClassifier`.
        samples: `Samples` to learn.
        backbone: `Backbone`.
        inputs: `Inputs`, as they were read.
        options: `FitOptions`.
    """
    head = classifier.head
    return (
        is_free(classifier, backbone)
        and head.can_describe
        and samples.partial_labels.is_plain
        and not asks_to_train(options)
        and not np.any(samples.labels == NO_LABEL)
        and (bool(head.described) or _knows_nothing_old(classifier, inputs))
        and _shows_enough(samples, head.described, len(classifier.classes))
    )


def check_can_train(classifier, what="`learn` that trains"):
    """Raises if classes are described, which training would not change.

    Args:
        classifier: `IncrementalClassifier`.
        what: String, what was asked for.

    Raises:
        ValueError: if classes are described.
    """
    head = classifier.head
    if not head.described:
        return
    names = [classifier.classes[k] for k in head.described]
    base = list(classifier.classes[: head.described[0]])
    raise ValueError(
        f"The classes {names} are described by statistics, since no data of "
        f"the others was seen; {what} would change the old head, which they "
        f"depend on. Received: a phase that has neither {LEAST} samples or "
        "more of each new or described class alone, by the defaults of "
        f"`learn`, nor samples of all classes. Pass samples of {base} to "
        "`remember` first, or leave out `epochs`, `optimizer`, callbacks that "
        "watch training and partial labels."
    )


def _knows_nothing_old(classifier, inputs):
    counts = classifier.statistics.counts[: len(classifier.classes)]
    return not np.any(counts) and not len(inputs.old_labels)


def _shows_enough(samples, described, num_old):
    """Whether all samples are of new or described classes, with enough each."""
    classes, counts = np.unique(samples.labels, return_counts=True)
    return len(classes) > 0 and all(
        label in described or (label >= num_old and count >= LEAST)
        for label, count in zip(classes.tolist(), counts, strict=True)
    )


def describe_head(run):
    """Adds classes by where their samples lie; nothing is trained.

    See `ExpandableDense.describe`. The logits of the old classes stay as they
    are.

    Args:
        run: `PhaseRun` that has read its samples.

    Returns:
        An empty dict: there is no history.
    """
    head, inputs = run.classifier.head, run.inputs
    x, labels = inputs.labeled
    features = run.backbone.features_of(x)
    unlabeled = None
    if run.auxiliary is not None:
        # Where classes are described, all others have labels.
        rows = inputs.new_labels == NO_LABEL
        unlabeled = run.backbone.features_of(inputs.new[rows])
    if inputs.num_new_classes:
        head.expand(inputs.num_new_classes, initializer="zeros")
    recall = run.classifier.recipe.recall
    others = head.describe(features, labels, recall, unlabeled)
    if unlabeled is not None:
        note, run.candidates = brought(run, unlabeled, others)
        run.notes.append(note)
    return {}
