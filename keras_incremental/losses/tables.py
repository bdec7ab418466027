"""Tables of candidate sets: which classes a label may stand for.

A table is a boolean array `(num_labels, num_classes)`. Row `y` marks the
classes that are possible where the label is `y`. Tables compose, so a label
that was given before two growths keeps its meaning after them.
"""

from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np


def identity(num_labels: int, num_classes: int | None = None) -> np.ndarray:
    """Table of labels that mean exactly the class of the same index."""
    return np.eye(num_labels, num_classes or num_labels, dtype=bool)


def candidates(sets: Sequence[Iterable[int]], num_classes: int) -> np.ndarray:
    """Table from one collection of class indices for each label.

    Example:

    >>> candidates([[0], [1, 2]], 3).astype(int).tolist()
    [[1, 0, 0], [0, 1, 1]]
    """
    table = np.zeros((len(sets), num_classes), bool)
    for row, classes in zip(table, sets, strict=True):
        for index in classes:
            if not 0 <= index < num_classes:
                raise ValueError(
                    f"A candidate set names a class outside the {num_classes} "
                    f"classes. Received: {index}. Give indices from 0 to "
                    f"{num_classes - 1}."
                )
            row[index] = True
    return checked(table)


def not_new(num_classes: int, new: Iterable[int]) -> np.ndarray:
    """One row, of a label that means any class except the new ones."""
    new = set(new)
    return candidates(
        [[k for k in range(num_classes) if k not in new]], num_classes
    )


def split(num_classes: int, parent: int, num_children: int = 1) -> np.ndarray:
    """Table of old labels after new classes came out of an old one.

    The children are the columns after the `num_classes` old ones. A label
    `parent` may now be the parent or any of the children.

    Example:

    >>> split(2, parent=1).astype(int).tolist()
    [[1, 0, 0], [0, 1, 1]]
    """
    children = list(range(num_classes, num_classes + num_children))
    sets = [[k] for k in range(num_classes)]
    if not 0 <= parent < num_classes:
        raise ValueError(
            f"`parent` must be one of the {num_classes} old classes. "
            f"Received: parent={parent}."
        )
    sets[parent] += children
    return candidates(sets, num_classes + num_children)


def compose(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Table of `first`'s labels in the classes of `second`.

    Args:
        first: Boolean array `(num_labels, num_middle)`.
        second: Boolean array `(num_middle, num_classes)`: what each class
            of `first` may be now.

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


def checked(table, name: str = "table") -> np.ndarray:
    """A table as a boolean array, refused if a label has no candidate."""
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
            f"`{name}` leaves no class possible for labels {empty}. Mark at "
            "least one class in each row; a label that says nothing has all "
            "classes marked."
        )
    return table
