import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.metrics.group_means import mean_of_known
from keras_incremental.metrics.group_means import ratio


@dataclasses.dataclass(frozen=True)
class LabelCounts:
    """How often each yes or no was right, where several classes may apply.

    Counts of parts of a data set add up to those of all of it: `a + b`.

    Attributes:
        table: Ints of shape `(num_classes, 2, 2)`: for each class how many
            samples without and with it (rows) were said not to have it and to
            have it (columns).
    """

    table: np.ndarray

    def __add__(self, other: "LabelCounts") -> "LabelCounts":
        return LabelCounts(self.table + other.table)

    @property
    def correct(self) -> np.ndarray:
        """Ints of shape `(num_classes,)`, the true positives."""
        return self.table[:, 1, 1]

    @property
    def total(self) -> np.ndarray:
        """Ints of shape `(num_classes,)`, the samples with each class."""
        return self.table[:, 1].sum(-1)

    def f1(self) -> np.ndarray:
        """Harmonic mean of precision and recall of each class.

        Samples without a class that are said to be without it do not count,
        so that it means the same for a rare class and for a common one.

        Returns:
            Floats of shape `(num_classes,)`; NaN of a class that no sample
            has and none was said to have.
        """
        said = self.table[:, :, 1].sum(-1)
        return ratio(2 * self.correct, self.total + said)

    def mean_f1(self, classes: ArrayLike | None = None) -> float:
        """Mean of `f1`, over the classes that occur.

        Args:
            classes: Indices of the classes to count. Defaults to all.

        Returns:
            Float; NaN where none occurs.
        """
        return mean_of_known(self.f1(), classes)


def count_labels(labels: ArrayLike, predictions: ArrayLike) -> LabelCounts:
    """Counts the yes and no of each class that are known.

    Args:
        labels: Array of shape `(num_samples, num_classes)`: 1 for yes, 0 for
            no; anything else does not count.
        predictions: Bools of the same shape, or of fewer classes: the rest
            is "no".

    Returns:
        A `LabelCounts`.

    Example:

    >>> counts = count_labels([[1, 0], [1, -1]], [[True, True], [False, True]])
    >>> counts.f1().round(3).tolist()
    [0.667, 0.0]
    """
    labels = np.asarray(labels)
    said = np.zeros(labels.shape, bool)
    predictions = np.asarray(predictions, bool)
    said[:, : predictions.shape[1]] = predictions
    cells = [
        [((labels == truth) & (said == answer)).sum(0) for answer in (0, 1)]
        for truth in (0, 1)
    ]
    return LabelCounts(np.moveaxis(np.array(cells), -1, 0))
