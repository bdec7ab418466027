"""Multi-hot labels of classes that do not exclude each other.

They are arrays `(num_samples, num_classes)` of float32: 1 for yes, 0 for no,
and -1 for unknown.
"""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_incremental.data.arrays import to_numpy
from keras_incremental.data.labels import normal
from keras_incremental.data.labels import normals
from keras_incremental.data.labels import refuse_unknown
from keras_incremental.losses.partial_binary_crossentropy import UNKNOWN
from keras_incremental.utils.types import Tensor

YES, NO = 1.0, 0.0
VOID = 255


def to_multi_hot(
    y: Tensor, names: Sequence[str], known: Sequence[str], argument: str = "y"
) -> np.ndarray:
    """Returns multi-hot labels of one data set as those of a model.

    Args:
        y: Array of shape `(n, len(names))` of 1, 0, and -1, NaN or 255 for
            unknown; for one name also of shape `(n,)`.
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
    column = {name: place for place, name in enumerate(known)}
    places = [column[name] for name in normals(names)]
    labels[:, places] = y
    return labels


def columns_of_names(
    y: Iterable, names: Sequence[str], argument: str = "y"
) -> np.ndarray:
    """Returns multi-hot labels of the names that each sample is given.

    Args:
        y: For each sample a name, a list of names, or `None` for no name.
        names: Names of the columns.
        argument: Name of `y` in the messages. Defaults to `"y"`.

    Returns:
        Array of float32 of shape `(n, len(names))`: 1 for a name, else -1.
    """
    shown = [names_in(entry) for entry in y]
    unknown = sorted({n for found in shown for n in found if n not in names})
    refuse_unknown(unknown, names, argument)
    labels = np.full((len(shown), len(names)), UNKNOWN, "float32")
    for row, found in zip(labels, shown, strict=True):
        row[[names.index(name) for name in found]] = YES
    return labels


def are_names(y: Any) -> bool:
    """Returns whether labels are names, or lists of names."""
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


def implied(labels: np.ndarray, parents: Sequence[int]) -> np.ndarray:
    """Returns labels completed by "every subclass is also its parent".

    Where a subclass is 1, an unknown parent becomes 1; where a parent is 0,
    its subclasses become 0.

    Args:
        labels: Multi-hot array.
        parents: For each class, the index of an older one, or -1.

    Returns:
        A new array.

    Raises:
        ValueError: if a subclass is 1 and its parent 0.
    """
    labels = np.array(labels)
    pairs = [(c, p) for c, p in enumerate(parents) if p >= 0]
    for child, parent in reversed(pairs):
        said = labels[:, child] == YES
        wrong = np.flatnonzero(said & (labels[:, parent] == NO))
        if wrong.size:
            raise ValueError(
                f"Class {child} is a subclass of class {parent}, so its "
                f"samples are of both. Received: row {wrong[0]} with 1 and "
                "0. Correct the labels, or set the parent to -1, unknown."
            )
        labels[said, parent] = YES
    for child, parent in pairs:
        labels[labels[:, parent] == NO, child] = NO
    return labels


def widened(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns labels with unknown columns for newer classes."""
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
            "for unknown, or pass a list of names for each sample."
        )
    y = y.astype("float32")
    y = np.where(np.isnan(y) | (y == VOID), np.float32(UNKNOWN), y)
    wrong = np.setdiff1d(y, (YES, NO, UNKNOWN))
    if wrong.size:
        raise ValueError(
            f"`{argument}` must hold 1 for yes, 0 for no, and -1, NaN or 255 "
            f"for unknown. Received: {wrong[:5].tolist()}."
        )
    return y


def names_in(entry: Any) -> list[str]:
    """Returns the names in a label: a name, a list of names, or `None`."""
    if entry is None:
        return []
    if isinstance(entry, (str, bytes)):
        entry = [entry]
    return [normal(str(name)) for name in entry if name]


def _is_list(entry):
    return isinstance(entry, (list, tuple, set, frozenset))
