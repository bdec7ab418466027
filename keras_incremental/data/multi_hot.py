"""Labels of classes that do not exclude each other: a yes or no for each.

They are arrays `(num_samples, num_classes)` of float32: 1 for yes, 0 for no,
and -1 where nobody looked.
"""

import numpy as np

from keras_incremental.data.arrays import to_numpy
from keras_incremental.data.names import normal
from keras_incremental.losses.partial_binary_crossentropy import UNKNOWN

YES, NO = 1.0, 0.0
VOID = 255


def to_multi_hot(y, names, known, argument="y"):
    """Multi-hot labels of one data set, as those of a model.

    Args:
        y: Array of shape `(n, len(names))` of 1, 0, and -1, NaN or 255 where
            nobody looked; for one name also of shape `(n,)`.
        names: Names of the columns of `y`.
        known: Names of all classes of the model.
        argument: Name of `y` in the messages. Defaults to `"y"`.

    Returns:
        Array of float32 of shape `(n, len(known))`, -1 for classes that
        are not in `names`.

    Raises:
        ValueError: if an entry is something else.

    Example:

    >>> to_multi_hot([[1, 0], [255, 1]], ["a", "c"], ["a", "b", "c"])
    array([[ 1., -1.,  0.],
           [-1., -1.,  1.]], dtype=float32)
    """
    y = _numbers(y, names, argument)
    labels = np.full((len(y), len(known)), UNKNOWN, "float32")
    places = [list(known).index(normal(name)) for name in names]
    labels[:, places] = y
    return labels


def columns_of_names(y, names, argument="y"):
    """Multi-hot columns of names of what each picture shows.

    Args:
        y: For each picture a name, a list of names, or `None`, nothing.
        names: Names of the columns.
        argument: Name of `y` in the messages. Defaults to `"y"`.

    Returns:
        Array of float32 of shape `(n, len(names))`: 1 for a name, else -1.
    """
    shown = [names_in(entry) for entry in y]
    unknown = sorted({n for found in shown for n in found if n not in names})
    if unknown:
        raise ValueError(
            f"`{argument}` contains names that are not among the classes "
            f"given. Received: {unknown[:5]}. Classes: {list(names)}. Correct "
            "the spelling, or add these names to the classes."
        )
    labels = np.full((len(shown), len(names)), UNKNOWN, "float32")
    for row, found in zip(labels, shown, strict=True):
        row[[names.index(name) for name in found]] = YES
    return labels


def are_names(y):
    """Whether labels are names, or lists of names."""
    if isinstance(y, np.ndarray) and y.dtype.kind != "O":
        return y.dtype.kind in "US"
    if not isinstance(y, (list, tuple, np.ndarray)):
        return False
    named = (str, type(None))
    return any(
        isinstance(entry, named)
        or _is_list(entry)
        and all(isinstance(name, str) for name in entry)
        for entry in y
    )


def implied(labels, parents):
    """Labels with what follows from "every child is also its parent".

    A child that is there shows its parent, unless somebody said no; where
    the parent is not, no child is.

    Args:
        labels: Multi-hot array.
        parents: For each class, the index of an older one, or -1.

    Returns:
        A new array.

    Raises:
        ValueError: if a child is there and its parent is not.
    """
    labels = np.array(labels)
    pairs = [(c, p) for c, p in enumerate(parents) if p >= 0]
    for child, parent in reversed(pairs):
        said = labels[:, child] == YES
        wrong = np.flatnonzero(said & (labels[:, parent] == NO))
        if wrong.size:
            raise ValueError(
                f"Class {child} came out of class {parent}, so what shows it "
                f"shows both. Received: row {wrong[0]} with 1 and 0. Correct "
                "the labels, or leave the parent -1, unknown."
            )
        labels[said, parent] = YES
    for child, parent in pairs:
        labels[labels[:, parent] == NO, child] = NO
    return labels


def widened(labels, num_classes):
    """Labels with columns of newer classes, which nobody looked for."""
    missing = num_classes - labels.shape[1]
    return np.pad(labels, ((0, 0), (0, missing)), constant_values=UNKNOWN)


def _numbers(y, names, argument):
    y = to_numpy(y, argument)
    if y.dtype.kind not in "biuf":
        raise TypeError(
            f"`{argument}` must hold numbers, or lists of names. Received: "
            f"dtype {y.dtype}. Write 1, 0, or -1 for each class."
        )
    y = y[:, None] if y.ndim == 1 and len(names) == 1 else y
    if y.ndim != 2 or y.shape[1] != len(names):
        raise ValueError(
            f"`{argument}` must have one column for each of {list(names)}, "
            "because classes do not exclude each other. Received: "
            f"{argument}.shape={y.shape}. Write 1 for yes, 0 for no and -1 "
            "where nobody looked, or pass a list of names for each picture."
        )
    y = y.astype("float32")
    y = np.where(np.isnan(y) | (y == VOID), np.float32(UNKNOWN), y)
    wrong = np.setdiff1d(y, (YES, NO, UNKNOWN))
    if wrong.size:
        raise ValueError(
            f"`{argument}` must hold 1 for yes, 0 for no, and -1, NaN or 255 "
            f"where nobody looked. Received: {wrong[:5].tolist()}."
        )
    return y


def names_in(entry):
    """The names in a label: one name, a list of names, or `None`."""
    if entry is None:
        return []
    if isinstance(entry, (str, bytes)):
        entry = [entry]
    return [normal(str(name)) for name in entry if name]


def _is_list(entry):
    return isinstance(entry, (list, tuple, set, frozenset))
