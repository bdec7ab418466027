"""What a phase changed, on validation pictures."""

import numpy as np
from keras import ops

from keras_incremental.metrics.class_counts import count_by_class
from keras_incremental.metrics.class_counts import paired_drop
from keras_incremental.models.student import Student


def predicted(classifier, trunk, inputs):
    """Indices of the classes that a classifier predicts.

    Args:
        classifier: `IncrementalClassifier`.
        trunk: Its `Trunk`.
        inputs: What the trunk gave of the pictures, or `None`.
    """
    outputs = outputs_for(classifier, trunk, inputs, classifier.readout)
    return None if outputs is None else outputs.argmax(-1)


def outputs_for(classifier, trunk, inputs, readout=None):
    """Logits of a head, or what a readout makes of them."""
    if inputs is None:
        return None
    student = Student(trunk.rest, classifier.head, readout=readout)
    if student.rest is not None:
        return student.predict(inputs, verbose=0)
    # A head alone is faster run than traced.
    return ops.convert_to_numpy(student(inputs))


def measure(lesson, validation, was, now):
    """What a `PhaseReport` says of accuracies, by its names.

    Args:
        lesson: `Lesson` that was learnt.
        validation: `Lesson` that was measured on, or `None`.
        was: Classes that were predicted before, or `None`.
        now: Classes that are predicted after.
    """
    if validation is None:
        return {
            "before": None,
            "after": None,
            "drop": None,
            "class_drops": {},
            "flips": np.zeros(0, int),
        }
    labels, count = validation.labels, len(lesson.names)
    known = count - len(lesson.new_names)
    old = labels < known
    was_right, is_right = was == labels, now == labels
    return {
        "before": count_by_class(labels[old], was[old], known),
        "after": count_by_class(labels, now, count),
        "drop": paired_drop(was_right[old], is_right[old]),
        "class_drops": {
            lesson.names[k]: paired_drop(
                was_right[labels == k], is_right[labels == k]
            )
            for k in np.unique(labels[old])
        },
        "flips": np.flatnonzero(was_right & ~is_right),
    }
