import numpy as np

from keras_incremental.data.adapters import ListAdapter
from keras_incremental.data.adapters import PyDatasetAdapter
from keras_incremental.data.adapters import TFDatasetAdapter
from keras_incremental.data.adapters import adapter_of


class ClassWeights:
    """Sample weights of classes, for labels that `fit` cannot read.

    Args:
        class_weight: Dict of labels and floats of 0 or more, or `None`.
        data: The data that is weighted. Batches of a `tf.data.Dataset`, of a
            `PyDataset` and of a list always get weights: Keras takes a
            `class_weight` for these kinds, but refuses it beside sample
            weights.

    Raises:
        ValueError: if a label is no int, or a weight is negative.
    """

    def __init__(self, class_weight, data):
        self.class_weight = _checked(class_weight)
        kinds = (TFDatasetAdapter, PyDatasetAdapter, ListAdapter)
        self._always = isinstance(adapter_of(data), kinds)

    def changes(self, sample_weight):
        """Returns whether `times` returns other weights."""
        missing = sample_weight is None and self._always
        return missing or self.class_weight is not None

    def times(self, sample_weight, labels, ndim):
        """Returns sample weights, multiplied by those of the classes.

        Args:
            sample_weight: Array or `None`.
            labels: Array of ints or one-hot rows.
            ndim: Int, number of axes of the outputs of the model.
        """
        if not self.changes(sample_weight):
            return sample_weight
        weights = np.ones(self.shape(labels.shape, ndim), "float32")
        if self.class_weight is None:
            return weights
        sparse = _sparse(np.asarray(labels), ndim)
        for label, weight in self.class_weight.items():
            weights[sparse == label] = weight
        if sample_weight is None:
            return weights
        given = np.asarray(sample_weight, "float32")
        missing = (1,) * (weights.ndim - given.ndim)
        return weights * given.reshape(*given.shape, *missing)

    def shape(self, labels, ndim):
        """Returns the shape of the weights of labels of a shape."""
        if self.class_weight is None:
            return tuple(labels[:1])
        return tuple(labels[: ndim - 1])


def _sparse(labels, ndim):
    """Returns labels without an axis of one column, or of one-hot rows."""
    if labels.ndim < ndim:
        return labels
    return labels[..., 0] if labels.shape[-1] == 1 else labels.argmax(-1)


def _checked(class_weight):
    if class_weight is None:
        return None
    wrong = {
        label: weight
        for label, weight in class_weight.items()
        if not isinstance(label, (int, np.integer))
        or not (np.isfinite(weight) and weight >= 0)
    }
    if wrong:
        raise ValueError(
            "`class_weight` must be a dict of labels and finite numbers of 0 "
            f"or more. Received: {wrong}. Number the classes as the labels "
            "do."
        )
    return dict(class_weight)
