import dataclasses

import numpy as np
from numpy.typing import ArrayLike


@dataclasses.dataclass(frozen=True)
class ClassCounts:
    """How many pictures of each class there are, and how many were right.

    Attributes:
        correct: Ints of shape `(num_classes,)`.
        total: Ints of shape `(num_classes,)`.
    """

    correct: np.ndarray
    total: np.ndarray

    def accuracy(self, classes: ArrayLike | None = None) -> float:
        """Share of pictures that were right, from 0 to 1.

        Args:
            classes: Indices of the classes to count. Defaults to all.

        Returns:
            Float; NaN where there is no picture.
        """
        chosen = slice(None) if classes is None else np.asarray(classes, int)
        total = self.total[chosen].sum()
        return float(self.correct[chosen].sum() / total) if total else np.nan


def count_by_class(
    labels: ArrayLike, predictions: ArrayLike, num_classes: int
) -> ClassCounts:
    """Counts right answers by class.

    Args:
        labels: Ints of shape `(num_samples,)`, the true classes.
        predictions: Ints of shape `(num_samples,)`.
        num_classes: Int.

    Returns:
        A `ClassCounts`.
    """
    labels = np.asarray(labels, int)
    right = labels[np.asarray(predictions) == labels]
    return ClassCounts(
        np.bincount(right, minlength=num_classes),
        np.bincount(labels, minlength=num_classes),
    )


@dataclasses.dataclass(frozen=True)
class Drop:
    """A change of accuracy, measured twice on the same pictures.

    Attributes:
        value: Float. Accuracy before less accuracy after; above 0 is a loss.
        error: Float. Its standard error.
        lost: Int. Pictures that went from right to wrong.
        gained: Int. Pictures that went from wrong to right.
        count: Int. Pictures in all.
    """

    value: float
    error: float
    lost: int
    gained: int
    count: int


def paired_drop(was_right: ArrayLike, is_right: ArrayLike) -> Drop:
    """The drop in accuracy between two models on the same pictures.

    Only pictures whose answer changed say something about the difference,
    so its standard error is that of McNemar's test, not that of two
    independent samples. With no change at all, it is the rule of three: the
    true share may still be up to `3 / count`.

    Args:
        was_right: Bools of shape `(num_samples,)`: right before.
        is_right: Bools of the same shape: right after.

    Returns:
        A `Drop`.
    """
    was_right = np.asarray(was_right, bool)
    is_right = np.asarray(is_right, bool)
    count = len(was_right)
    lost = int(np.sum(was_right & ~is_right))
    gained = int(np.sum(~was_right & is_right))
    if not count:
        return Drop(np.nan, np.nan, 0, 0, 0)
    value = (lost - gained) / count
    variance = (lost + gained) / count - value**2
    error = np.sqrt(variance / count) if lost + gained else 3 / count / 1.96
    return Drop(value, float(error), lost, gained, count)
