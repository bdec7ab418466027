"""What the scores of the outputs say about classes."""

import numpy as np
from keras import ops

from keras_incremental.layers.hierarchical import hierarchical_argmax
from keras_incremental.models.problems.hiding import lowest

TINY = 1e-37


def answered(label_space, logits):
    """Logits of what classes are counted as.

    Where classes were merged, one output gets the summed probability of all;
    theirs, and those of removed classes, say that they are impossible.

    Args:
        label_space: `LabelSpace`.
        logits: Tensor `(..., num_classes)`.
    """
    answers = label_space.counted_as
    if (answers == np.arange(len(answers))).all():
        return logits
    columns = []
    for index in range(len(answers)):
        members = np.flatnonzero(answers == index)
        if len(members) > 1:
            parts = ops.take(logits, members, axis=-1)
            columns.append(ops.logsumexp(parts, axis=-1))
        elif len(members):
            columns.append(logits[..., members[0]])
        else:
            columns.append(ops.full_like(logits[..., 0], lowest(logits.dtype)))
    return ops.stack(columns, axis=-1)


def decided(classifier, outputs, probabilities=False, thresholds=None):
    """What outputs mean: indices of classes, or a yes or no for each class.

    Args:
        classifier: `IncrementalClassifier`.
        outputs: Array `(..., num_classes)`.
        probabilities: Bool. Whether they are what the classifier answers,
            and no logits of its head. Defaults to `False`.
        thresholds: As of `predict_names`. Defaults to `None`.
    """
    problem = classifier.problem
    if probabilities:
        logits = problem.logits_of(outputs)
    else:
        logits = problem.answered(classifier.label_space, outputs)
    logits = ops.convert_to_numpy(logits)
    logits = problem.shifted(logits, classifier.classes, thresholds)
    return chosen(classifier, logits)


def chosen(classifier, logits):
    """The same of logits of what is answered."""
    head = classifier.head if classifier.readout is None else None
    return classifier.problem.chosen(head, logits)


def largest(head, logits):
    """Indices of the classes with the largest logits.

    Where a class came out of another, both are first counted as one.

    Args:
        head: `ExpandableHead`, or `None` if a readout answers.
        logits: Array `(..., num_classes)`.
    """
    if not getattr(head, "has_splits", False):
        return logits.argmax(-1)
    return ops.convert_to_numpy(hierarchical_argmax(logits, head.parents))


def log_of(probabilities):
    """Logarithms, finite where a probability is 0."""
    return np.log(np.maximum(probabilities, TINY))
