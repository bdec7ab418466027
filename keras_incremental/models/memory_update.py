"""What a classifier keeps of the samples it has learned."""

from keras_incremental.data.source import checked_source
from keras_incremental.models.outputs import outputs_for


def keep_exemplars(classifier, backbone, samples, inputs, verbose=0):
    """Lets the memory select among samples of a phase.

    They are compared by the memory's own `features`, else by what the head
    reads.

    Args:
        classifier: `IncrementalClassifier`.
        backbone: Its `Backbone`.
        samples: `Samples`.
        inputs: Array, what the student reads of them.
        verbose: Same as for `fit`. Defaults to `0`.
    """
    memory = classifier.memory
    if memory is None:
        return
    rows = samples.has_label
    if not rows.all():
        samples, inputs = samples.labeled, inputs[rows]
    version = samples.label_version
    if version is None:
        version = samples.label_space(classifier).version
    features = None
    if memory.features is None:
        features = backbone.features_of(inputs, verbose)
    memory.update(
        checked_source(samples.x, samples.labels),
        features=features,
        model=classifier,
        label_version=version,
        logits=_stored_logits(classifier, backbone, inputs),
        verbose=verbose,
    )


def offer(classifier, samples, logits=None):
    """Offers a batch of a stream to the memory."""
    if classifier.memory is not None:
        classifier.memory.add(samples.x, samples.labels, logits)


def offer_remembered(classifier, backbone, samples, inputs):
    """Offers old samples to the memory of a stream.

    Arguments are those of `keep_exemplars`.
    """
    offer(classifier, samples, _stored_logits(classifier, backbone, inputs))


def stores_logits(recipe):
    """Returns whether a term compares with logits kept beside exemplars."""
    return any("stored" in term.reads for term in recipe.given_terms)


def adapt_readout(classifier, backbone, samples):
    """Adapts the readout to exemplars, by the network as it is now."""
    readout, memory = classifier.readout, classifier.memory
    if readout is None or not len(memory):
        return
    missing = len(classifier.classes) - readout.units
    if missing > 0:
        readout.expand(missing)

    def read(x):
        inputs = backbone.student_inputs(x)
        if readout.reads_logits:
            return outputs_for(classifier, backbone, inputs)
        return backbone.features_of(inputs)

    readout.adapt_readout(read, memory.arrays(), (samples.x, samples.labels))


def _stored_logits(classifier, backbone, inputs):
    """Returns logits to keep beside exemplars, or `None`."""
    if not stores_logits(classifier.recipe):
        return None
    return outputs_for(classifier, backbone, inputs)


def imprint(classifier, backbone, features, labels):
    """Points the columns of a head that was never trained at features."""
    if not classifier.awaits_imprinting:
        return
    if not backbone.is_trainable:
        classifier.head.recenter(classifier.statistics)
    classifier.head.imprint(features, labels, classifier.seed)
