"""Which class the outputs of a classifier mean."""

import numpy as np
from keras import ops

from keras_incremental.layers.hierarchical import hierarchical_argmax

TINY = 1e-37


def decided(classifier, outputs, probabilities=False):
    """Indices of the classes that outputs mean, the largest first.

    Where a class came out of another, both are first counted as one.

    Args:
        classifier: `IncrementalClassifier`.
        outputs: Array `(..., num_classes)`.
        probabilities: Bool. Whether they are no logits. Defaults to `False`.
    """
    head = classifier.head if classifier.readout is None else None
    if not getattr(head, "has_splits", False):
        return outputs.argmax(-1)
    if probabilities:
        outputs = np.log(np.maximum(outputs, TINY))
    return ops.convert_to_numpy(hierarchical_argmax(outputs, head.parents))
