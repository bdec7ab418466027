"""All outputs of a model of which one is a classifier that grows."""

import keras

from keras_incremental.models.inputs.checks import to_input_size
from keras_incremental.utils import state


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
