"""Confusion matrices, also of thousands of classes, where most cells are 0."""

import dataclasses
from collections.abc import Callable
from typing import Any
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

# A cell that is kept alone takes as much as three of a matrix.
EACH = 3
Kind = TypeVar("Kind")


def confusion_matrix(
    labels: ArrayLike,
    predictions: ArrayLike,
    num_classes: int,
    num_predicted: int | None = None,
) -> np.ndarray:
    """Counts the samples of each true class by their predicted class.

    Args:
        labels: Ints of any shape, the true classes.
        predictions: Ints of the same shape, the predicted classes.
        num_classes: Int. Number of rows.
        num_predicted: Int. Number of columns, for a model that does not know
            all classes. Defaults to `None`, which is `num_classes`.

    Returns:
        Ints of shape `(num_classes, num_predicted)`: a row for each true
        class, a column for each predicted class.

    Raises:
        ValueError: if a label or a prediction is outside the matrix.

    Example:

    >>> confusion_matrix([0, 0, 1], [0, 1, 1], num_classes=2).tolist()
    [[1, 1], [0, 1]]
    """
    labels = np.asarray(labels, "int64").ravel()
    predictions = np.asarray(predictions, "int64").ravel()
    columns = num_classes if num_predicted is None else num_predicted
    shape = (num_classes, columns)
    cells = np.ravel_multi_index((labels, predictions), shape)
    return np.bincount(cells, minlength=num_classes * columns).reshape(shape)


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
