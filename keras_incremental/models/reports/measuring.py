"""Predictions on validation samples, before and after a phase."""

import keras
import numpy as np
from keras import ops

from keras_incremental.models.problems.decoders import predictions_of
from keras_incremental.models.student import Student


def predicted(classifier, backbone, inputs, labels=None, verbose=0):
    """Returns the predictions of a classifier.

    Args:
        classifier: `IncrementalClassifier`.
        backbone: Its `Backbone`.
        inputs: Outputs of the backbone, or `None`.
        labels: Labels of the same samples, for the size of maps. Defaults to
            `None`, the size of the outputs.
        verbose: See `predict`. Defaults to `0`.

    Returns:
        Array that `Decoder.decide` returned, or `None` without inputs.
    """
    readout = classifier.readout
    outputs = outputs_for(classifier, backbone, inputs, readout, verbose)
    if outputs is None:
        return None
    decoder = classifier.problem.decoder
    if labels is not None:
        outputs = decoder.resize(outputs, labels)
    logits = decoder.remap(classifier.label_space, outputs)
    return predictions_of(classifier, ops.convert_to_numpy(logits))


def outputs_for(classifier, backbone, inputs, readout=None, verbose=0):
    """Returns the logits of a head, or the outputs of a readout."""
    if inputs is None:
        return None
    student = Student(backbone.upper, classifier.head, readout=readout)
    if student.upper is not None:
        return student.predict(inputs, verbose=verbose)
    # A head alone is faster run than traced.
    return ops.convert_to_numpy(student(inputs))


def measure(scorer, labels, before, after, classes, num_old):
    """Returns the measured fields of a `PhaseReport`.

    Args:
        scorer: `Scorer`.
        labels: Encoded labels of validation samples, or `None`.
        before: Predictions before the phase, or `None`.
        after: Predictions after it, or `None`.
        classes: Names of all classes after the phase.
        num_old: Int. The number of classes known before it.
    """
    if labels is None:
        return {
            "confusion_before": None,
            "confusion_after": None,
            "drop": None,
            "class_drops": {},
        }
    return scorer.measure(labels, before, after, classes, num_old)


def kept(classifier):
    """Returns the fields of a `PhaseReport` about what is kept."""
    memory, statistics = classifier.memory, classifier.statistics
    counts = {} if memory is None else memory.counts
    nbytes = {"weights": sum(_nbytes(v) for v in classifier.weights)}
    if memory is not None:
        nbytes["exemplars"] = memory.nbytes
    if len(statistics):
        nbytes["statistics"] = statistics.nbytes
    return {
        "problem": classifier.problem.name,
        "phase": classifier.num_phases,
        "exemplars": {classifier.classes[k]: n for k, n in counts.items()},
        "nbytes": nbytes,
    }


def _nbytes(variable):
    bits = keras.backend.standardize_dtype(variable.dtype)
    return int(np.prod(variable.shape)) * np.dtype(bits).itemsize
