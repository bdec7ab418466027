"""Whether a phase solves the head, in place of training it."""

import dataclasses

import keras
import numpy as np

from keras_incremental.callbacks.phase_callback import PhaseCallback
from keras_incremental.recipes.recipe import Recipe
from keras_incremental.regularizers import QuadraticPenalty
from keras_incremental.statistics.class_means import padded

DEFAULT = Recipe()
# Parts of a recipe that leave open how a phase learns.
OPEN = ("name", "memory", "freeze_backbone", "recall")
BASES = (PhaseCallback, keras.callbacks.Callback)
# What is called while a model trains, and what changes how it trains.
HOOKS = (
    *(
        name
        for name in dir(keras.callbacks.Callback)
        if name.startswith("on_") and "predict" not in name
    ),
    "select_samples",
    "teacher_outputs",
    "wrap_optimizer",
)


def is_solved(classifier, samples, backbone, inputs, options):
    """Returns whether a phase solves the head from statistics.

    It does where nothing below the head trains, each class is one output and
    each label one class, data of most old classes was seen, and neither the
    recipe nor the arguments of `learn` say how to train.

    Args:
        classifier: `IncrementalClassifier`.
        samples: `Samples` to learn.
        backbone: `Backbone`.
        inputs: `Inputs`, as they were read.
        options: `FitOptions`.

    Raises:
        ValueError: if they do say so where training could not replay what
            was seen.
    """
    solves = (
        is_open(classifier, backbone)
        and samples.partial_labels.is_plain
        and _classes_are_seen(classifier, samples, inputs)
    )
    if not solves or not asks_to_train(options):
        return solves
    if not can_replay(backbone, inputs):
        raise ValueError(
            "Training could not replay what was seen of the old classes: "
            "these are statistics of what the head reads, and there are "
            "random layers below it. Received: `epochs`, `optimizer` or "
            f"callbacks that watch training, epochs={options.epochs}. Leave "
            "them out, so that the head is solved, or pass `old_data` or a "
            "`memory` with samples to replay."
        )
    return False


def is_open(classifier, backbone):
    """Returns whether a classifier is such that phases can solve its head."""
    return (
        is_free(classifier, backbone)
        and classifier.head.is_solvable
        and classifier.label_space.is_plain
    )


def is_free(classifier, backbone):
    """Returns whether phases choose how the head of a classifier learns.

    They do where no layer below it trains, no recipe or memory says how, and
    none of its weights is held where it is.
    """
    memory, head = classifier.memory, classifier.head
    mixes = memory is not None and (
        memory.mixing_policy is not None or memory.augmentation is not None
    )
    return (
        not backbone.is_trainable
        and classifier.problem.objective.solves_heads
        and is_default(classifier.recipe)
        and not mixes
        and not head.frozen_groups
        and not _is_protected(head)
    )


def is_default(recipe):
    """Returns whether a recipe leaves to each phase how it learns."""
    return all(
        _same(getattr(recipe, field.name), getattr(DEFAULT, field.name))
        for field in dataclasses.fields(recipe)
        if field.name not in OPEN
    )


def asks_to_train(options):
    """Returns whether arguments of `learn` say how to train."""
    asked = options.epochs is not None or options.optimizer is not None
    return asked or any(_watches(callback) for callback in options.callbacks)


def can_replay(backbone, inputs):
    """Returns whether what was seen of old classes can be trained on.

    Features cannot be drawn below a layer that is random and has weights.
    """
    return backbone.caches_head_inputs or len(inputs.old_labels) > 0


def _same(part, default):
    return type(part) is type(default) and part == default


def _watches(callback):
    """Returns whether a callback takes part in a `fit`."""
    if getattr(callback, "required_data", None) is not None:
        return True
    return any(_has_own(callback, hook) for hook in HOOKS)


def _has_own(callback, hook):
    """Returns whether a hook is defined by the class or on the object."""
    own = getattr(callback, hook, None)
    own = getattr(own, "__func__", own)
    inherited = [getattr(base, hook, None) for base in BASES]
    return own is not None and own not in inherited


def _is_protected(head):
    """Returns whether a penalty holds the weights where they are."""
    return any(
        isinstance(getattr(weight, "regularizer", None), QuadraticPenalty)
        for weight in head.weights
    )


def _classes_are_seen(classifier, samples, inputs):
    """Returns whether there is data of all new and most old classes.

    What a phase shows of old classes counts where no new ones arrive: else
    it says nothing of how the classes were before.
    """
    num_old = len(classifier.classes)
    new = np.count_nonzero(samples.shown >= num_old)
    if new < len(samples.new_classes):
        return False
    counts = padded(classifier.statistics.counts, num_old)
    labels = [inputs.old_labels]
    if not samples.new_classes:
        labels.append(inputs.new_labels)
    for label in np.unique(np.concatenate(labels)):
        if 0 <= label < num_old:
            counts[label] += 1
    seen = np.ones(num_old, bool)
    seen[classifier.label_space.unseen(counts)] = False
    # The columns of described classes do not say where these lie.
    if not samples.new_classes or classifier.head.described:
        return bool(seen.all())
    return 2 * np.count_nonzero(seen) > num_old
