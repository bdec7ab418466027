"""Confusion matrices of thousands of classes, of which most cells are 0."""

import dataclasses
from collections.abc import Callable
from typing import Any
from typing import TypeVar

import numpy as np

# A cell that is kept alone takes as much as three of a matrix.
EACH = 3
Kind = TypeVar("Kind")


@dataclasses.dataclass(frozen=True)
class ConfusionCells:
    """Confusion matrix as its cells that are not 0.

    Attributes:
        shape: Tuple of two ints.
        true: Ints of shape `(num_cells,)`, the row of each cell.
        predicted: Ints of the same shape, its column.
        counts: Ints of the same shape, what is in it.
    """

    shape: tuple[int, int]
    true: np.ndarray
    predicted: np.ndarray
    counts: np.ndarray

    def array(self) -> np.ndarray:
        """Returns the whole matrix."""
        matrix = np.zeros(self.shape, int)
        matrix[self.true, self.predicted] = self.counts
        return matrix


def compact(
    confusion: np.ndarray | ConfusionCells | None,
) -> np.ndarray | ConfusionCells | None:
    """Returns a matrix as `ConfusionCells` where these take less.

    Args:
        confusion: Array, `ConfusionCells` or `None`. What is no matrix stays
            as it is.
    """
    if not isinstance(confusion, np.ndarray) or confusion.ndim != 2:
        return confusion
    if EACH * np.count_nonzero(confusion) >= confusion.size:
        return confusion
    true, predicted = np.nonzero(confusion)
    counts = confusion[true, predicted]
    return ConfusionCells(confusion.shape, true, predicted, counts)


class CompactConfusion:
    """Attribute that is a matrix, and is kept as `ConfusionCells`.

    Args:
        name: String, the name of the attribute.
    """

    def __init__(self, name: str):
        self._name = name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        kept = vars(instance)[self._name]
        return kept.array() if isinstance(kept, ConfusionCells) else kept

    def __set__(self, instance: Any, confusion: Any) -> None:
        vars(instance)[self._name] = compact(confusion)


def keep_compact(*names: str) -> Callable[[type[Kind]], type[Kind]]:
    """Returns a decorator of data classes that keep such matrices.

    Args:
        *names: Strings, the fields that are confusion matrices.
    """

    def decorate(kind):
        for name in names:
            setattr(kind, name, CompactConfusion(name))
        return kind

    return decorate
