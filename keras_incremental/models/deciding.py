"""What the scores of the outputs say about classes."""

import numpy as np
from keras import ops

from keras_incremental.layers.hierarchical import hierarchical_argmax
from keras_incremental.models.hiding import HIDDEN

TINY = 1e-37


def answered(ontology, logits):
    """Logits of what classes are counted as.

    Where classes were merged, one output gets the summed probability of all;
    theirs, and those of removed classes, say that they are impossible.

    Args:
        ontology: `Ontology`.
        logits: Tensor `(..., num_classes)`.
    """
    answers = ontology.counted_as
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
            columns.append(ops.full_like(logits[..., 0], _lowest(logits)))
    return ops.stack(columns, axis=-1)


def _lowest(logits):
    return -6e4 if "float16" in str(logits.dtype) else HIDDEN


def decided(classifier, outputs, probabilities=False):
    """Indices of the classes that outputs mean, the largest first.

    Where a class came out of another, both are first counted as one.

    Args:
        classifier: `IncrementalClassifier`.
        outputs: Array `(..., num_classes)`.
        probabilities: Bool. Whether they are what the classifier answers,
            and no logits of its head. Defaults to `False`.
    """
    if probabilities:
        outputs = np.log(np.maximum(outputs, TINY))
    else:
        outputs = ops.convert_to_numpy(answered(classifier.ontology, outputs))
    head = classifier.head if classifier.readout is None else None
    if not getattr(head, "has_splits", False):
        return outputs.argmax(-1)
    return ops.convert_to_numpy(hierarchical_argmax(outputs, head.parents))
