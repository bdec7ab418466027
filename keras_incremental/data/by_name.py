from collections.abc import Callable
from collections.abc import Sequence

import numpy as np

from keras_incremental.data.adapters import adapter_of
from keras_incremental.data.arrays import class_names
from keras_incremental.data.labels import check_class_names
from keras_incremental.data.labels import is_one_hot
from keras_incremental.data.map_batches import map_batches
from keras_incremental.data.map_batches import require_labels
from keras_incremental.utils.types import Data
from keras_incremental.utils.types import Tensor


def by_name(
    data: Data,
    classes: Sequence[str],
    encode: Callable,
    argument: str = "x",
) -> Data:
    """Returns a data set whose labels number the classes of a model.

    A data set that was read from folders numbers its own folders. After a
    class was added, or with fewer folders, these numbers are others than
    those of the model: the names decide.

    Args:
        data: Whatever `fit` takes. One without names is returned as it is.
        classes: List of strings, the names of the outputs of the model.
        encode: Function of `(y, names, classes, argument)` that returns
            labels as indices of `classes`, or as rows with a column for each.
        argument: Name of `data` in the messages. Defaults to `"x"`.

    Returns:
        Data of the same kind. Labels are ints where they were, else rows.

    Raises:
        ValueError: if a name is not among `classes`.
    """
    names = adapter_of(data).class_names
    if not names:
        return data
    names, classes = check_class_names(names), tuple(classes)
    if names == classes:
        return data
    check_known(
        names,
        classes,
        f"`{argument}` with class_names={list(names)}",
        "set the attribute `class_names` of the data set to the names that it "
        "means",
    )

    def numbered(x, y, sample_weight):
        require_labels(y, "fit")
        return x, _encoded(y, names, classes, encode, argument), sample_weight

    def spec(x, y, sample_weight):
        is_row = len(y.shape) == 2 and y.shape[-1] not in (1, None)
        shape = (y.shape[0], len(classes)) if is_row else y.shape
        return x, type(y)(shape, y.dtype), sample_weight

    named = map_batches(data, numbered, spec)
    adapter_of(named).set_class_names(classes)
    return named


def table_by_name(
    y: Tensor, classes: Sequence[str], encode: Callable, argument: str = "y"
) -> Tensor:
    """Returns labels, those of a table with named columns by these names.

    Args:
        y: Labels of any form. Those without names are returned as they are.
        classes: As for `by_name`.
        encode: As for `by_name`.
        argument: Name of `y` in the messages. Defaults to `"y"`.
    """
    names = class_names(y)
    if names is None:
        return y
    names = check_class_names(names)
    received = f"`{argument}` with columns {list(names)}"
    check_known(names, classes, received, "rename these columns")
    return encode(y, names, classes, argument)


def check_known(
    names: Sequence[str], classes: Sequence[str], received: str, fix: str
) -> None:
    """Raises a `ValueError` if names are not among those of a model."""
    unknown = [name for name in names if name not in classes]
    if unknown:
        raise ValueError(
            f"Classes {unknown} are not known to the model. Received: "
            f"{received}; the model has {list(classes)}. Teach them by "
            f"`learn`, or {fix}."
        )


def _encoded(y, names, classes, encode, argument):
    y = np.asarray(y)
    labels = encode(y, names, classes, argument)
    if labels.ndim == 1 and is_one_hot(y):
        labels = np.eye(len(classes))[labels]
    elif labels.size == y.size:
        labels = labels.reshape(y.shape)
    return labels.astype(y.dtype)
