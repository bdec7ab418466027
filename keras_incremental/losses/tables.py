"""Tables of candidate sets: the classes that a label may stand for.

A table is a boolean array of shape `(num_labels, num_classes)`. Row `y` marks
the possible classes of label `y`. Tables compose, so a label keeps its meaning
when classes are added later.
"""

from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def identity(num_labels: int, num_classes: int | None = None) -> np.ndarray:
    """Returns the table in which each label stands for its own class."""
    return np.eye(num_labels, num_classes or num_labels, dtype=bool)


def candidates(sets: Sequence[Iterable[int]], num_classes: int) -> np.ndarray:
    """Returns a table from one set of class indices for each label.

    Args:
        sets: One iterable of class indices for each label.
        num_classes: Int.

    Returns:
        Boolean array of shape `(num_labels, num_classes)`.

    Example:

    >>> candidates([[0], [1, 2]], 3).astype(int).tolist()
    [[1, 0, 0], [0, 1, 1]]
    """
    table = np.zeros((len(sets), num_classes), bool)
    for row, classes in zip(table, sets, strict=True):
        for index in classes:
            if not 0 <= index < num_classes:
                raise ValueError(
                    f"`sets` must hold class indices from 0 to "
                    f"{num_classes - 1}. Received: {index}. Correct the "
                    "index, or raise `num_classes`."
                )
            row[index] = True
    return checked(table)


def not_new(num_classes: int, new: Iterable[int]) -> np.ndarray:
    """Returns the row of a label that excludes the new classes.

    Args:
        num_classes: Int.
        new: Indices of the new classes.

    Returns:
        Boolean array of shape `(1, num_classes)`.
    """
    new = set(new)
    return candidates(
        [[k for k in range(num_classes) if k not in new]], num_classes
    )


def split(num_classes: int, parent: int, num_children: int = 1) -> np.ndarray:
    """Returns the table of old labels after a class was split.

    The children are the columns after the `num_classes` old classes. The
    label `parent` may then stand for the parent or for any child.

    Args:
        num_classes: Int. Number of old classes.
        parent: Int. Index of the class that is split.
        num_children: Int. Number of new subclasses. Defaults to `1`.

    Returns:
        Boolean array of shape `(num_classes, num_classes + num_children)`.

    Example:

    >>> split(2, parent=1).astype(int).tolist()
    [[1, 0, 0], [0, 1, 1]]
    """
    children = list(range(num_classes, num_classes + num_children))
    sets = [[k] for k in range(num_classes)]
    if not 0 <= parent < num_classes:
        raise ValueError(
            f"`parent` must be one of the {num_classes} old classes. "
            f"Received: parent={parent}. Pass an index from 0 to "
            f"{num_classes - 1}."
        )
    sets[parent] += children
    return candidates(sets, num_classes + num_children)


def compose(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the table of the labels of `first` in the classes of `second`.

    Args:
        first: Boolean array `(num_labels, num_middle)`.
        second: Boolean array `(num_middle, num_classes)`. The candidates of
            each class of `first`.

    Returns:
        Boolean array `(num_labels, num_classes)`.
    """
    first, second = checked(first), checked(second)
    if first.shape[1] != second.shape[0]:
        raise ValueError(
            "The classes of `first` must be the labels of `second`. Received: "
            f"first.shape={first.shape}, second.shape={second.shape}."
        )
    return (first.astype(int) @ second.astype(int)) > 0


def checked(table: ArrayLike, name: str = "table") -> np.ndarray:
    """Returns a table as a boolean array, or raises a `ValueError`."""
    table = np.asarray(table)
    if table.ndim != 2 or not np.isin(table, (0, 1)).all():
        raise ValueError(
            f"`{name}` must be a boolean array of shape (num_labels, "
            f"num_classes). Received: shape {table.shape}, dtype "
            f"{table.dtype}."
        )
    table = table.astype(bool)
    empty = np.flatnonzero(~table.any(axis=1)).tolist()
    if empty:
        raise ValueError(
            f"`{name}` must have a candidate in each row. Received: no class "
            f"possible for labels {empty}. Mark at least one class, or all "
            "classes for a label without information."
        )
    return table
