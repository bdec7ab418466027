"""What a phase changed, on validation pictures."""

import keras
import numpy as np
from keras import ops

from keras_incremental.models.problems.decoding import decided
from keras_incremental.models.student import Student


def predicted(classifier, backbone, inputs, labels=None, verbose=0):
    """What a classifier predicts, as `deciding.decided` says it.

    Args:
        classifier: `IncrementalClassifier`.
        backbone: Its `Backbone`.
        inputs: What the backbone gave of the pictures, or `None`.
        labels: Their labels, whose size maps are brought to. Defaults to
            `None`, that of the outputs.
        verbose: As of `predict`. Defaults to `0`.
    """
    readout = classifier.readout
    outputs = outputs_for(classifier, backbone, inputs, readout, verbose)
    if outputs is None:
        return None
    if labels is not None:
        outputs = classifier.problem.sized(outputs, labels)
    return decided(classifier, outputs)


def outputs_for(classifier, backbone, inputs, readout=None, verbose=0):
    """Logits of a head, or what a readout makes of them."""
    if inputs is None:
        return None
    student = Student(backbone.upper, classifier.head, readout=readout)
    if student.upper is not None:
        return student.predict(inputs, verbose=verbose)
    # A head alone is faster run than traced.
    return ops.convert_to_numpy(student(inputs))


def measure(samples, validation, was, now):
    """What a `PhaseReport` says of accuracies, by its names.

    Args:
        samples: `Samples` that was learned.
        validation: `Samples` that was measured on, or `None`.
        was: What was predicted before, or `None`.
        now: What is predicted after.
    """
    if validation is None:
        return {
            "confusion_before": None,
            "confusion_after": None,
            "drop": None,
            "class_drops": {},
        }
    return validation.problem.measured(samples, validation.labels, was, now)


def kept(classifier):
    """What a `PhaseReport` says of what a classifier has, by its names."""
    memory, statistics = classifier.memory, classifier.statistics
    counts = {} if memory is None else memory.counts
    nbytes = {"weights": sum(_nbytes(v) for v in classifier.weights)}
    if memory is not None:
        nbytes["exemplars"] = memory.nbytes
    if len(statistics):
        nbytes["statistics"] = statistics.nbytes
    return {
        "phase": classifier.phases,
        "exemplars": {classifier.classes[k]: n for k, n in counts.items()},
        "nbytes": nbytes,
    }


def _nbytes(variable):
    bits = keras.backend.standardize_dtype(variable.dtype)
    return int(np.prod(variable.shape)) * np.dtype(bits).itemsize
