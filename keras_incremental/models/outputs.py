"""What a classifier computes of samples, beyond `predict`."""

import dataclasses
import functools

import numpy as np
from keras import ops

from keras_incremental.models.inputs import checks
from keras_incremental.models.inputs.samples import Samples
from keras_incremental.models.student import Student
from keras_incremental.models.student import scores_of
from keras_incremental.utils import devices
from keras_incremental.utils.varying import by_shape


@dataclasses.dataclass(frozen=True)
class Forward:
    """Samples, and what a classifier computes from them.

    Attributes:
        x: Array of shape `(num_samples, ...)`, or `VaryingSamples`, as given.
        features: Array of the features that the head reads.
        logits: Array of shape `(num_samples, ..., num_classes)`, after
            classes were merged or removed.
    """

    x: np.ndarray
    features: np.ndarray
    logits: np.ndarray


def forward(classifier, x, batch_size=32) -> Forward:
    """Returns the `Forward` of an array; frozen layers run once per sample."""
    samples = checks.compatible(Samples(x, None, ()), classifier)
    backbone = classifier.backbone
    features = backbone.features_of(
        backbone.student_inputs(samples.x, batch_size)
    )
    logits = scores_of(classifier.head, classifier.readout, features)
    decoder = classifier.problem.decoder
    logits = decoder.remap(classifier.label_space, logits)
    return Forward(x, np.asarray(features), ops.convert_to_numpy(logits))


def logits_of(classifier, backbone, inputs, labels=None, verbose=0):
    """Returns the logits of a classifier, after classes were merged.

    Args:
        classifier: `IncrementalClassifier`.
        backbone: Its `Backbone`.
        inputs: Outputs of the backbone, or `None`.
        labels: Labels of the same samples, for the size of maps. Defaults to
            `None`, the size of the outputs.
        verbose: See `predict`. Defaults to `0`.

    Returns:
        Array of shape `(num_samples, ..., num_classes)`, or `None` without
        inputs.
    """
    readout = classifier.readout
    outputs = outputs_for(classifier, backbone, inputs, readout, verbose)
    if outputs is None:
        return None
    decoder = classifier.problem.decoder
    if labels is not None:
        outputs = decoder.resize(outputs, labels)
    logits = decoder.remap(classifier.label_space, outputs)
    return ops.convert_to_numpy(logits)


def outputs_for(classifier, backbone, inputs, readout=None, verbose=0):
    """Returns the logits of a head, or the outputs of a readout."""
    if inputs is None:
        return None
    student = Student(backbone.upper, classifier.head, readout=readout)
    if student.upper is not None:
        predict = functools.partial(devices.predict, student, verbose=verbose)
        return by_shape(predict, inputs)
    # A head alone is faster run than traced.
    return ops.convert_to_numpy(student(inputs))
