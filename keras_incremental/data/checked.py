import collections.abc

import keras

from keras_incremental.data.labels import check_labels
from keras_incremental.data.wrapping import MappedDataset
from keras_incremental.data.wrapping import is_data_loader
from keras_incremental.data.wrapping import is_tf_dataset
from keras_incremental.data.wrapping import map_loader


def checked(data, num_classes, names=None, ignore_class=None):
    """Makes labels outside the classes an error, whatever the backend.

    A label that the head has no output for is a silent NaN under XLA, and a
    silent zero loss on JAX. What this function returns goes to `fit` in
    place of `data`; labels are looked at on the host, before each step.

    Args:
        data: `tf.data.Dataset`, `PyDataset`, torch `DataLoader` or iterator
            of batches `(x, y)` or `(x, y, sample_weight)`; or one such tuple
            of arrays, which is checked at once.
        num_classes: Number of classes.
        names: Class names, for the messages. Defaults to `None`.
        ignore_class: Label that is always allowed. Defaults to `None`.

    Returns:
        The same kind of data.

    Raises:
        ValueError: from `fit`, if a label is outside the classes. Where
            TensorFlow runs the input pipeline, it raises its own class of
            error, which contains the message.

    Example:

    >>> import numpy as np
    >>> from keras_incremental.data import checked
    >>> x, y = checked((np.zeros((2, 3)), np.array([0, 1])), num_classes=2)
    """

    def check(y):
        check_labels(y, num_classes, names, "y", ignore_class)

    return checked_by(data, check)


def checked_by(data, check):
    """Data whose labels a function looks at, as `checked` does.

    Args:
        data: As of `checked`.
        check: Function of the labels of a batch; it raises.

    Returns:
        The same kind of data.
    """

    def check_batch(batch):
        check(_labels_of(batch))
        return batch

    if is_tf_dataset(data):
        return _checked_tf_data(data, check)
    if isinstance(data, keras.utils.PyDataset):
        return MappedDataset(data, check_batch)
    if is_data_loader(data):
        return map_loader(data, check_batch)
    if isinstance(data, collections.abc.Iterator):
        return (check_batch(batch) for batch in data)
    return check_batch(data)


def _labels_of(batch):
    if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
        raise ValueError(
            "Training data must be batches of (x, y) or (x, y, "
            f"sample_weight). Received: {type(batch).__name__}. Add the "
            "labels."
        )
    return batch[1]


def _checked_tf_data(dataset, check):
    import tensorflow as tf

    spec = _labels_of(dataset.element_spec)
    if not isinstance(spec, tf.TensorSpec) or spec.dtype == tf.string:
        raise TypeError(
            "Labels of a `tf.data.Dataset` must be one dense tensor of "
            f"numbers. Received: {spec}. Turn names into numbers first."
        )

    def check_on_host(y):
        check(y)
        return y

    def apply(x, y, *rest):
        y = tf.numpy_function(check_on_host, [y], y.dtype)
        return x, tf.ensure_shape(y, spec.shape), *rest

    mapped = dataset.map(apply, num_parallel_calls=tf.data.AUTOTUNE)
    if hasattr(dataset, "class_names"):
        mapped.class_names = dataset.class_names
    return mapped
