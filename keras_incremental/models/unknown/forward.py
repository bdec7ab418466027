"""Features and logits of samples, for predictions beyond `predict`."""

import dataclasses

import numpy as np
from keras import ops

from keras_incremental.data import as_source
from keras_incremental.models.inputs import checks
from keras_incremental.models.inputs.reading import collect
from keras_incremental.models.inputs.samples import Samples
from keras_incremental.models.student import scores_of


@dataclasses.dataclass(frozen=True)
class Forward:
    """Samples, and what a classifier computes from them.

    Attributes:
        x: Array of shape `(num_samples, ...)`, as given.
        features: Array of the features that the head reads.
        logits: Array of shape `(num_samples, ..., num_classes)`, after
            classes were merged or removed.
    """

    x: np.ndarray
    features: np.ndarray
    logits: np.ndarray


def collect_samples(x, batch_size=32, steps=None):
    """Returns the samples of data for `predict`, and labels or `None`."""
    source = as_source(x, batch_size=batch_size, steps=steps)
    return collect(source)


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
