"""What a classifier makes of pictures, on the way to an answer."""

import dataclasses

import numpy as np
from keras import ops

from keras_incremental.data import as_source
from keras_incremental.models.inputs import checks
from keras_incremental.models.inputs.samples import MAX_BYTES
from keras_incremental.models.inputs.samples import Samples
from keras_incremental.models.student import scores_of


@dataclasses.dataclass(frozen=True)
class Reading:
    """Pictures, and what a classifier sees in them.

    Attributes:
        pictures: Array of shape `(num_samples, ...)`, as they came.
        features: Array of what the head reads.
        logits: Array of shape `(num_samples, ..., num_classes)`, of what
            classes are counted as.
    """

    pictures: np.ndarray
    features: np.ndarray
    logits: np.ndarray


def read_pictures(x, batch_size=32, steps=None):
    """The pictures of what `predict` takes, and their labels or `None`."""
    source = as_source(x, batch_size=batch_size, steps=steps)
    return source.collect(MAX_BYTES if source.num_batches is None else None)


def read(classifier, pictures, batch_size=32):
    """A `Reading` of an array; frozen layers run once per picture."""
    samples = checks.fitted(Samples(pictures, None, ()), classifier)
    backbone = classifier.backbone()
    features = backbone.features_of(
        backbone.student_inputs(samples.pictures, batch_size)
    )
    logits = scores_of(classifier.head, classifier.readout, features)
    logits = classifier.problem.answered(classifier.label_space, logits)
    return Reading(pictures, np.asarray(features), ops.convert_to_numpy(logits))
