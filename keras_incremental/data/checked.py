from collections.abc import Sequence

from keras_incremental.data.labels import check_labels
from keras_incremental.data.map_batches import map_batches
from keras_incremental.data.map_batches import require_labels
from keras_incremental.utils.types import Data
from keras_incremental.utils.types import Function


def checked(
    data: Data,
    num_classes: int,
    names: Sequence[str] | None = None,
    ignore_class: int | None = None,
) -> Data:
    """Raises an error for labels outside the classes, on any backend.

    A label that the head has no output for is a silent NaN under XLA, and a
    silent zero loss on JAX. What this function returns goes to `fit` in
    place of `data`; labels are looked at on the host, before each step.

    Args:
        data: See `map_batches`; there must be labels. Arrays are checked at
            once.
        num_classes: Int, number of classes.
        names: List of strings, class names for the messages. Defaults to
            `None`.
        ignore_class: Int, label that is always allowed. Defaults to `None`.

    Returns:
        Data of the same kind.

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
        return y

    return checked_by(data, check)


def checked_by(
    data: Data,
    check: Function,
    names: bool = False,
    spec: Function | None = None,
) -> Data:
    """Returns data whose labels a function checks, batch by batch.

    Args:
        data: See `checked`.
        check: Function of the labels of a batch; it raises, or returns them
            as numbers.
        names: Bool. Whether labels may be names. Defaults to `False`.
        spec: Function of the spec of numbers, returns that of what `check`
            returns. Defaults to `None`, the same.
    """

    def check_batch(x, y, sample_weight):
        require_labels(y, "checked")
        return x, check(y), sample_weight

    def check_spec(x, y, sample_weight):
        is_text = getattr(y, "dtype", None) == "string"
        if type(y).__name__ != "TensorSpec" or (is_text and not names):
            raise TypeError(
                "Labels of a `tf.data.Dataset` must be one dense tensor of "
                f"numbers. Received: {y}. Turn names into numbers first."
            )
        numbers = type(y)(y.shape, "int64") if is_text else y
        return x, numbers if spec is None else spec(numbers), sample_weight

    return map_batches(data, check_batch, check_spec)
