"""What a classifier computes of samples, beyond `predict`."""

import dataclasses
import functools

import keras
import numpy as np
from keras import ops

from keras_incremental.models.inputs import checks
from keras_incremental.models.inputs.checks import to_input_size
from keras_incremental.models.inputs.samples import Samples
from keras_incremental.models.student import Student
from keras_incremental.models.student import scores_of
from keras_incremental.utils import devices
from keras_incremental.utils import state
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


class AllOutputs(keras.Model):
    """A classifier and the other outputs of its model, in one pass.

    Args:
        classifier: `IncrementalClassifier` with `others`.
    """

    def __init__(self, classifier):
        super().__init__(name=classifier.name)
        self.classifier = classifier
        self.joined = classifier.others.joined_with(classifier.features)
        self._made_of = state.Untracked(_parts(classifier))

    def is_current(self):
        """Whether the classifier has the columns that it was made with."""
        before, now = self._made_of.value, _parts(self.classifier)
        return len(before) == len(now) and all(
            old is new for old, new in zip(before, now, strict=True)
        )

    def call(self, inputs, training=None):
        classifier = self.classifier
        inputs = to_input_size(inputs, classifier.features)
        features, *others = self.joined(inputs, training=False)
        scores = classifier.outputs_from(features)
        return classifier.others.layout.packed(scores, others)


def _parts(classifier):
    head, readout = classifier.head, classifier.readout
    return [*head.variables, classifier.label_space, readout]
