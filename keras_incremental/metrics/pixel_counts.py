import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.metrics.class_counts import ClassCounts
from keras_incremental.metrics.confusion import confusion_matrix
from keras_incremental.metrics.group_means import mean_of_known
from keras_incremental.metrics.group_means import ratio

# Labels that pixels have in public data sets if they do not count.
IGNORED = (-1, 255)


@dataclasses.dataclass(frozen=True)
class PixelCounts:
    """Which class was said at how many pixels of each class.

    Counts of parts of a data set add up to those of all of it: `a + b`. The
    mean over pictures of their own scores would be another number.

    It has the `correct`, the `total` and the `accuracy` of a `ClassCounts`,
    so a report of accuracy can read it.

    Attributes:
        confusion: Ints of shape `(num_classes, num_classes)`: a row for each
            true class, a column for each predicted one.
    """

    confusion: np.ndarray

    def __add__(self, other: "PixelCounts") -> "PixelCounts":
        return PixelCounts(self.confusion + other.confusion)

    @property
    def correct(self) -> np.ndarray:
        """Ints of shape `(num_classes,)`, the true positives."""
        return np.diagonal(self.confusion)

    @property
    def total(self) -> np.ndarray:
        """Ints of shape `(num_classes,)`, the pixels of each true class."""
        return self.confusion.sum(1)

    @property
    def false_positive(self) -> np.ndarray:
        """Ints of shape `(num_classes,)`."""
        return self.confusion.sum(0) - self.correct

    @property
    def false_negative(self) -> np.ndarray:
        """Ints of shape `(num_classes,)`."""
        return self.total - self.correct

    def accuracy(self, classes: ArrayLike | None = None) -> float:
        """Share of pixels that are right. See `ClassCounts`."""
        return ClassCounts(self.correct, self.total).accuracy(classes)

    def iou(self) -> np.ndarray:
        """Intersection over union of each class, from 0 to 1.

        Returns:
            Floats of shape `(num_classes,)`; NaN of a class that no pixel
            has and none was said to have.
        """
        return ratio(self.correct, self.total + self.false_positive)

    def mean_iou(self, classes: ArrayLike | None = None) -> float:
        """Mean of `iou`, over the classes that occur.

        Args:
            classes: Indices of the classes to count. Defaults to all.

        Returns:
            Float; NaN where none occurs.
        """
        return mean_of_known(self.iou(), classes)

    def iou_by_age(self, num_old: int) -> dict[str, float]:
        """`mean_iou` of old and of new classes.

        Args:
            num_old: Int. The classes from `0` to `num_old - 1` are old, the
                background among them.

        Returns:
            Dict of `"old"`, `"new"`, `"all"` and `"harmonic"`, the harmonic
            mean of the first two.
        """
        classes = np.arange(len(self.confusion))
        old = self.mean_iou(classes[:num_old])
        new = self.mean_iou(classes[num_old:])
        both = old + new
        return {
            "old": old,
            "new": new,
            "all": self.mean_iou(),
            "harmonic": 2 * old * new / both if both else 0.0,
        }

    def merged(self, mapping: ArrayLike) -> "PixelCounts":
        """Counts in fewer classes, as before a class was split.

        Args:
            mapping: Ints of shape `(num_classes,)`: what each class was.

        Returns:
            A `PixelCounts`.

        Example:

        >>> counts = count_pixels([0, 1, 2, 2], [0, 2, 1, 2], num_classes=3)
        >>> counts.merged([0, 1, 1]).iou().tolist()
        [1.0, 1.0]
        """
        mapping = np.asarray(mapping, int)
        if mapping.shape != (len(self.confusion),) or mapping.min() < 0:
            raise ValueError(
                "`mapping` must name what each of the "
                f"{len(self.confusion)} classes was, from 0. Received: "
                f"mapping={mapping.tolist()}."
            )
        merged = np.zeros((mapping.max() + 1,) * 2, int)
        np.add.at(merged, (mapping[:, None], mapping), self.confusion)
        return PixelCounts(merged)


def count_pixels(
    labels: ArrayLike,
    predictions: ArrayLike,
    num_classes: int,
    ignore_class: ArrayLike | None = None,
) -> PixelCounts:
    """Counts pixels by their true and their predicted class.

    Args:
        labels: Ints of any shape, the true classes.
        predictions: Ints of the same shape. To bring outputs to the size of
            the labels, resize the logits by `losses.logits_at`, and take the
            largest then.
        num_classes: Int.
        ignore_class: Int or ints, labels of pixels that do not count.
            Defaults to `None`: -1, and 255 where that is no class.

    Returns:
        A `PixelCounts`.

    Raises:
        ValueError: if the shapes differ, or a class is outside.

    Example:

    >>> from keras_incremental.metrics import count_pixels
    >>> counts = count_pixels([[0, 0, 1, 255]], [[0, 1, 1, 1]], num_classes=2)
    >>> counts.iou().tolist(), counts.mean_iou()
    ([0.5, 0.5], 0.5)
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.shape != predictions.shape:
        raise ValueError(
            "`predictions` must have one class for each of `labels`. "
            f"Received: predictions.shape={predictions.shape}, "
            f"labels.shape={labels.shape}. Resize logits by "
            "`losses.logits_at(labels, logits)` before `argmax`."
        )
    if ignore_class is None:
        ignore_class = [k for k in IGNORED if not 0 <= k < num_classes]
    counted = ~np.isin(labels, ignore_class)
    labels = _checked(labels[counted], num_classes, "labels")
    predictions = _checked(predictions[counted], num_classes, "predictions")
    return PixelCounts(confusion_matrix(labels, predictions, num_classes))


def _checked(classes, num_classes, name):
    wrong = np.setdiff1d(classes, np.arange(num_classes)).tolist()
    if wrong:
        raise ValueError(
            f"`{name}` must be classes from 0 to {num_classes - 1}. "
            f"Received: {wrong[:10]}. Name labels that do not count in "
            "`ignore_class`."
        )
    return classes.astype("int64")
