"""Labels of `fit` in the form that the compiled loss reads."""

import numpy as np

from keras_incremental.data.map_batches import map_batches
from keras_incremental.losses.function_loss import as_loss
from keras_incremental.losses.function_loss import compiled_loss
from keras_incremental.losses.function_loss import reads_one_hot


def as_loss_reads(classifier, x, y):
    """Returns data of `fit`, with one-hot labels where the loss reads them.

    Labels that are one-hot already stay as they are.

    Args:
        classifier: `IncrementalClassifier`.
        x: Samples, or a data set.
        y: Labels of samples, or `None`.
    """
    if not _reads_one_hot(classifier):
        return x, y
    size = len(classifier.classes)
    if y is not None:
        return x, _one_hot(np.asarray(y), size)

    def widen(x, y, sample_weight):
        return x, _one_hot(y, size), sample_weight

    def spec(x, y, sample_weight):
        if _is_sparse(y):
            y = type(y)((*y.shape[:1], size), "float32")
        return x, y, sample_weight

    return map_batches(x, widen, spec), None


def _reads_one_hot(classifier):
    loss = compiled_loss(classifier)
    if loss is None:
        return False
    exclusive = classifier.problem.codec.exclusive
    single = exclusive and not classifier.classifies_positions
    return single and reads_one_hot(as_loss(loss))


def _one_hot(labels, size):
    if not _is_sparse(labels):
        return labels
    return np.eye(size, dtype="float32")[labels.reshape(-1).astype(int)]


def _is_sparse(labels):
    """Whether labels have one value for each sample, or have a spec of it."""
    return len(labels.shape) == 1 or tuple(labels.shape[1:]) == (1,)
