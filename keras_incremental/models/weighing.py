"""Weights of classes: what counts more in a decision, and in a loss."""

import numpy as np

from keras_incremental.data.labels import NO_LABEL
from keras_incremental.data.labels import normal
from keras_incremental.data.labels import refuse_unknown
from keras_incremental.recipes.recipe import correcting


def weights_of(classifier, classes):
    """Returns the weight of each class, `None` if all weigh the same.

    Args:
        classifier: `IncrementalClassifier`.
        classes: Names of all classes, in the order of the outputs.

    Returns:
        Array of shape `(classes,)`, or `None`.
    """
    given = classifier.class_weight or {}
    weights = np.array([given.get(name, 1.0) for name in classes])
    return weights if np.ptp(weights) else None


def described_weights(classifier, classes):
    """Returns what a report says of weights of classes, a list."""
    weights = weights_of(classifier, classes)
    return [] if weights is None else ["classes weighted"]


def label_weights(classifier, samples, table):
    """Returns the weight of each label, `None` if all weigh the same.

    A label that stands for several classes weighs as these do on average.

    Args:
        classifier: `IncrementalClassifier`.
        samples: `Samples` to learn.
        table: See `Inputs`.
    """
    weights = weights_of(classifier, samples.classes)
    if weights is None or table is None:
        return weights
    sets = table[len(weights) :]
    return np.concatenate([weights, sets @ weights / sets.sum(1)])


def sample_weights(weights, labels, others=None):
    """Returns weights of samples by their labels, times others.

    Args:
        weights: What `label_weights` returns.
        labels: Ints, `NO_LABEL` for samples of any class.
        others: Array of as many weights. Defaults to `None`, all 1.

    Returns:
        Float32 array, or `others` where all labels weigh the same.
    """
    if weights is None:
        return others
    found = np.where(labels == NO_LABEL, 1.0, weights[labels])
    found = found if others is None else found * others
    return found.astype("float32")


def weighed_by_index(given, classes):
    """Returns arguments of `fit`, `class_weight` by indices and not by names.

    Keras passes over keys that are no labels.

    Args:
        given: Dict of arguments.
        classes: Names of all classes, in the order of the outputs.
    """
    weights = given.get("class_weight")
    if not isinstance(weights, dict):
        return given
    places = {name: place for place, name in enumerate(classes)}
    keys = [normal(key) if isinstance(key, str) else key for key in weights]
    names = [key for key in keys if isinstance(key, str)]
    unknown = [name for name in names if name not in places]
    refuse_unknown(unknown, classes, "class_weight")
    indices = [places.get(key, key) for key in keys]
    by_index = dict(zip(indices, weights.values(), strict=True))
    return {**given, "class_weight": by_index}


def check_class_weight(classifier, callbacks=()):
    """Raises if something would make weights of classes of no effect.

    Args:
        classifier: `IncrementalClassifier`.
        callbacks: Callbacks beside those of the recipe. Defaults to `()`.
    """
    if not classifier.class_weight:
        return
    problem, recipe = classifier.problem, classifier.recipe
    if not problem.objective.weighs_classes:
        reason = f"problem={problem.name!r}, whose samples have several labels"
        fix = "Pass sample weights to `fit`, or leave `class_weight` out."
    elif classifier.head.is_closed_form or classifier.readout is not None:
        part = classifier.readout or classifier.head
        reason = f"recipe={recipe.name!r}, whose {type(part).__name__} has none"
        fix = "Leave out the recipe, or `class_weight`."
    elif corrected := _corrected(recipe, callbacks):
        reason = f"{' and '.join(corrected)}, which would take them off again"
        fix = "Keep one of them."
    else:
        return
    raise ValueError(
        "`class_weight` is for a head that is solved from statistics, or "
        "trained, of classes that exclude each other. Received: class_weight="
        f"{dict(classifier.class_weight)}, {reason}. {fix}"
    )


def check_old_classes(run, is_trained):
    """Raises if classes cannot be weighed against old ones.

    Args:
        run: `PhaseRun` that has read its samples and made its plan.
        is_trained: Bool. Whether the head is trained, not described.
    """
    classifier, samples = run.classifier, run.samples
    weights = weights_of(classifier, samples.classes)
    labels, num_old = samples.labels, len(run.known_classes)
    shows_old = np.any((labels >= 0) & (labels < num_old))
    beside = run.inputs.sources or shows_old or not samples.new_classes
    if weights is None or (is_trained and beside):
        return
    raise ValueError(
        "`class_weight` says how much classes count beside each other, and "
        "there are no samples of old ones. Received: class_weight="
        f"{dict(classifier.class_weight)}, new classes "
        f"{list(samples.new_classes)}, no exemplars, statistics or `old_data` "
        f"of {list(classifier.classes)}. Call `remember` with samples of "
        "these, or pass `old_data`."
    )


def _corrected(recipe, callbacks):
    """Returns names of parts that shift new classes after the training."""
    during = {type(part).__name__ for part in (recipe.loss, recipe.policy)}
    during.add(type(recipe.stage).__name__)
    return [n for n in correcting(recipe, callbacks) if n not in during]
