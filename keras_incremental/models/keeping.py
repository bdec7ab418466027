"""What a classifier keeps of the pictures it has learnt."""

import numpy as np

from keras_incremental.layers.closed_form_head import ClosedFormHead
from keras_incremental.layers.proxy_imprinting import ProxyImprinting
from keras_incremental.models import measuring
from keras_incremental.utils.feature_statistics import FeatureStatistics


def statistics_of(classifier, trunk, inputs):
    """Of all pictures ever learnt, while features last; else of these."""
    if not trunk.trains:
        samples, labels = inputs.labelled
        return classifier.statistics.updated(trunk.features_of(samples), labels)
    samples, labels = inputs.known
    return FeatureStatistics().updated(trunk.features_of(samples), labels)


def keep_exemplars(classifier, trunk, lesson):
    """Lets the memory choose among the pictures of a lesson."""
    if classifier.memory is None:
        return
    inputs = trunk.inputs_for(lesson.pictures)
    logits = None
    if stores_logits(classifier.recipe):
        logits = measuring.outputs_for(classifier, trunk, inputs)
    classifier.memory.update(
        lesson.pictures,
        lesson.labels,
        features=trunk.features_of(inputs),
        model=classifier,
        logits=logits,
    )


def stores_logits(recipe):
    """Whether a term compares with logits kept beside exemplars."""
    terms = recipe.terms if isinstance(recipe.terms, tuple) else ()
    return any("stored" in term.reads for term in terms)


def adapt_readout(classifier, trunk, lesson):
    """Lets the readout look at what is kept, by the features as they are."""
    readout = classifier.readout
    if readout is None or not len(classifier.memory):
        return
    missing = len(classifier.classes) - readout.units
    if missing > 0:
        readout.expand(missing)
    pictures, labels = classifier.memory.arrays()
    samples = trunk.inputs_for(pictures)
    if isinstance(readout, ClosedFormHead):
        readout.reset()
        readout.adapt(trunk.features_of(samples), labels)
        return
    newest = readout.units - readout.group_sizes[-1]
    if lesson.labels.max() < newest:
        return
    new = trunk.inputs_for(lesson.pictures)
    readout.adapt(
        measuring.outputs_for(classifier, trunk, new),
        lesson.labels,
        measuring.outputs_for(classifier, trunk, samples),
        labels,
    )


def imprint(classifier, features, labels):
    """Points the columns of a cosine head that is not trained at features."""
    if not classifier.awaits_imprinting:
        return
    kernel = classifier.head.columns("kernel")
    taught, positions = np.unique(labels, return_inverse=True)
    start = ProxyImprinting(features, positions)
    new = start({"kernel": kernel[..., taught]}, len(taught), classifier.seed)
    kernel[..., taught] = new["kernel"]
    classifier.head.assign_columns("kernel", kernel)
