import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.metrics.class_counts import ClassCounts

FIELDS = ("total", "correct", "within_group", "right_group")


@dataclasses.dataclass(frozen=True)
class PhaseCounts(ClassCounts):
    """Correct predictions after a phase, with and without a known group.

    A group holds the classes that arrived in one phase; elsewhere it is
    called a task.

    Attributes:
        correct: Ints of shape `(num_classes,)`: right among all classes.
        total: Ints of shape `(num_classes,)`.
        predicted: See `ClassCounts`.
        confusion: See `ClassCounts`.
        within_group: Ints of shape `(num_classes,)`: right among the classes
            of the true group alone, or `None` where it was not counted.
        right_group: Ints of shape `(num_classes,)`: a class of the true group
            was predicted, or `None`.
    """

    within_group: np.ndarray | None = None
    right_group: np.ndarray | None = None


def count_phase(
    labels: ArrayLike, outputs: ArrayLike, group_sizes: Sequence[int]
) -> PhaseCounts:
    """Counts correct predictions over all classes and within groups.

    Args:
        labels: Ints of shape `(num_samples,)`, the true classes.
        outputs: Floats of shape `(num_samples, num_classes)`: logits or
            probabilities.
        group_sizes: Ints. Number of classes of each group. Their sum is
            `num_classes`.

    Returns:
        A `PhaseCounts`.

    Raises:
        ValueError: if `outputs` does not have a column for each class.

    Example:

    >>> from keras_incremental.metrics import count_phase
    >>> outputs = [[1.0, 2.0, 3.0], [0.0, 1.0, 2.0]]
    >>> counts = count_phase([1, 2], outputs, group_sizes=[2, 1])
    >>> counts.correct.tolist(), counts.within_group.tolist()
    ([0, 0, 1], [0, 1, 1])
    """
    labels, outputs = np.asarray(labels, int), np.asarray(outputs)
    groups = group_of_each(group_sizes)
    if outputs.ndim != 2 or outputs.shape[1] != len(groups):
        raise ValueError(
            f"`outputs` must have {len(groups)} columns, one for each class. "
            f"Received: outputs.shape={outputs.shape}, "
            f"group_sizes={list(group_sizes)}."
        )
    predictions = outputs.argmax(-1)
    foreign = groups[labels][:, None] != groups
    within = np.where(foreign, -np.inf, outputs).argmax(-1)

    def count(right):
        return np.bincount(labels[right], minlength=len(groups))

    return PhaseCounts(
        correct=count(predictions == labels),
        total=np.bincount(labels, minlength=len(groups)),
        within_group=count(within == labels),
        right_group=count(groups[predictions] == groups[labels]),
    )


def group_of_each(group_sizes):
    """Returns the index of the group of each class."""
    sizes = np.asarray(group_sizes, int)
    return np.repeat(np.arange(len(sizes)), sizes)


def padded(counts, num_classes):
    """Returns counts of all classes; 0 for classes without counts."""
    arrays = {name: getattr(counts, name, None) for name in FIELDS}
    arrays = {k: np.asarray(v, int) for k, v in arrays.items() if v is not None}
    lengths = {len(array) for array in arrays.values()}
    if len(lengths) > 1 or max(lengths) > num_classes:
        raise ValueError(
            f"`counts` must have at most {num_classes} classes. "
            f"Received: lengths={sorted(lengths)}."
        )
    missing = (0, num_classes - max(lengths))
    row = PhaseCounts(**{k: np.pad(v, missing) for k, v in arrays.items()})
    for name, array in arrays.items():
        if np.any(array < 0) or np.any(array > arrays["total"]):
            raise ValueError(
                f"`counts.{name}` must be from 0 to the number of samples. "
                f"Received: {array.tolist()} of {arrays['total'].tolist()}."
            )
    return row
