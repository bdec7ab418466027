import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.metrics.confusion import confusion_matrix
from keras_incremental.metrics.confusion import keep_compact
from keras_incremental.metrics.group_means import mean_of_known
from keras_incremental.metrics.group_means import ratio

# Labels of ignored pixels in public data sets.
IGNORED = (-1, 255)


@keep_compact("confusion")
@dataclasses.dataclass(frozen=True)
class ClassCounts:
    """Counts of each class: samples, predictions, and correct predictions.

    What is counted may be samples, pixels, or labels of samples that show
    several classes. Counts of parts of a data set add up to those of all of
    it: `a + b`.

    Attributes:
        correct: Ints of shape `(num_classes,)`, the true positives.
        total: Ints of shape `(num_classes,)`, what is of each class.
        predicted: Ints of shape `(num_classes,)`, what was predicted as each
            class; or `None` where it was not counted.
        confusion: Ints of shape `(num_classes, num_predicted)`, see
            `confusion_matrix`; or `(num_classes, 2, 2)`, for each class a
            confusion matrix of no and yes; or `None`.
    """

    correct: np.ndarray
    total: np.ndarray
    predicted: np.ndarray | None = dataclasses.field(default=None, kw_only=True)
    confusion: np.ndarray | None = dataclasses.field(default=None, kw_only=True)

    @classmethod
    def from_confusion(cls, confusion: ArrayLike) -> "ClassCounts":
        """Returns the counts of the classes that could be predicted.

        Args:
            confusion: Ints of shape `(num_classes, num_predicted)` or
                `(num_classes, 2, 2)`.
        """
        confusion = np.asarray(confusion)
        if confusion.ndim == 3:
            correct = confusion[:, 1, 1]
            total, predicted = confusion[:, 1].sum(-1), confusion[..., 1].sum(1)
        else:
            # A view would hold the whole matrix.
            correct = np.diagonal(confusion).copy()
            total = confusion.sum(1)[: len(correct)]
            predicted = confusion.sum(0)
        return cls(correct, total, predicted=predicted, confusion=confusion)

    def __add__(self, other: "ClassCounts") -> "ClassCounts":
        sums: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            parts = getattr(self, field.name), getattr(other, field.name)
            known = all(part is not None for part in parts)
            sums[field.name] = np.add(*parts) if known else None
        return type(self)(**sums)

    @property
    def false_positive(self) -> np.ndarray:
        """Ints of shape `(num_classes,)`."""
        return self._predicted - self.correct

    @property
    def false_negative(self) -> np.ndarray:
        """Ints of shape `(num_classes,)`."""
        return np.subtract(self.total, self.correct)

    def accuracy(self, classes: ArrayLike | None = None) -> float:
        """Returns the share of samples that were predicted correctly.

        Args:
            classes: Indices of the classes to count. Defaults to `None`, all.

        Returns:
            Float from 0 to 1; NaN if the classes have no sample.
        """
        chosen = slice(None) if classes is None else np.asarray(classes, int)
        total = self.total[chosen].sum()
        return float(self.correct[chosen].sum() / total) if total else np.nan

    def iou(self) -> np.ndarray:
        """Returns the intersection over union of each class, from 0 to 1.

        Returns:
            Floats of shape `(num_classes,)`; NaN of a class without samples
            and predictions.
        """
        return ratio(self.correct, self.total + self.false_positive)

    def mean_iou(self, classes: ArrayLike | None = None) -> float:
        """Returns the mean of `iou` over the classes that occur.

        Args:
            classes: Indices of the classes to count. Defaults to `None`, all.

        Returns:
            Float; NaN if none occurs.
        """
        return mean_of_known(self.iou(), classes)

    def f1(self) -> np.ndarray:
        """Returns the harmonic mean of precision and recall of each class.

        Samples that are not of a class and not predicted as it do not count,
        so that rare and common classes compare.

        Returns:
            Floats of shape `(num_classes,)`; NaN of a class without samples
            and predictions.
        """
        return ratio(2 * self.correct, self.total + self._predicted)

    def mean_f1(self, classes: ArrayLike | None = None) -> float:
        """Returns the mean of `f1` over the classes that occur.

        Args:
            classes: Indices of the classes to count. Defaults to `None`, all.

        Returns:
            Float; NaN if none occurs.
        """
        return mean_of_known(self.f1(), classes)

    def iou_by_age(self, num_old: int) -> dict[str, float]:
        """Returns the `mean_iou` of old and of new classes.

        Args:
            num_old: Int. The classes from `0` to `num_old - 1` are old, the
                background among them.

        Returns:
            Dict with the keys `"old"`, `"new"`, `"all"` and `"harmonic"`, the
            harmonic mean of the first two.
        """
        classes = np.arange(len(self.total))
        old = self.mean_iou(classes[:num_old])
        new = self.mean_iou(classes[num_old:])
        both = old + new
        return {
            "old": old,
            "new": new,
            "all": self.mean_iou(),
            "harmonic": 2 * old * new / both if both else 0.0,
        }

    def merged(self, mapping: ArrayLike) -> "ClassCounts":
        """Returns counts of fewer classes, as before a class was split.

        Args:
            mapping: Ints of shape `(num_classes,)`: the class that each one
                was.

        Example:

        >>> counts = count_pixels([0, 1, 2, 2], [0, 2, 1, 2], num_classes=3)
        >>> counts.merged([0, 1, 1]).iou().tolist()
        [1.0, 1.0]
        """
        mapping, size = np.asarray(mapping, int), len(self.total)
        if self.confusion is None or self.confusion.shape != (size, size):
            raise ValueError(
                "Only counts of a square confusion matrix can be merged. "
                f"Received: confusion={self.confusion}. Count by "
                "`count_pixels`, or by `ClassCounts.from_confusion`."
            )
        if mapping.shape != (size,) or mapping.min() < 0:
            raise ValueError(
                f"`mapping` must name what each of the {size} classes was, "
                f"from 0. Received: mapping={mapping.tolist()}."
            )
        merged = np.zeros((mapping.max() + 1,) * 2, int)
        np.add.at(merged, (mapping[:, None], mapping), self.confusion)
        return self.from_confusion(merged)

    @property
    def _predicted(self):
        if self.predicted is None:
            raise ValueError(
                "The predictions of each class were not counted. Received: "
                "predicted=None. Count by `count_by_class`."
            )
        return self.predicted


def count_by_class(
    labels: ArrayLike, predictions: ArrayLike, num_classes: int
) -> ClassCounts:
    """Counts samples, predictions and correct predictions by class.

    Args:
        labels: Ints of shape `(num_samples,)`, the true classes.
        predictions: Ints of shape `(num_samples,)`.
        num_classes: Int.

    Returns:
        A `ClassCounts`.
    """
    labels, predictions = np.asarray(labels, int), np.asarray(predictions, int)
    found = (labels[predictions == labels], labels, predictions)
    correct, total, predicted = (
        np.bincount(part, minlength=num_classes)[:num_classes] for part in found
    )
    return ClassCounts(correct, total, predicted=predicted)


def count_pixels(
    labels: ArrayLike,
    predictions: ArrayLike,
    num_classes: int,
    ignore_class: ArrayLike | None = None,
) -> ClassCounts:
    """Counts pixels by their true and their predicted class.

    The mean over images of their own scores would be another number than the
    score of the sum of their counts.

    Args:
        labels: Ints of any shape, the true classes.
        predictions: Ints of the same shape. To bring outputs to the size of
            the labels, resize the logits by `losses.logits_at` before taking
            the largest.
        num_classes: Int.
        ignore_class: Int or ints, labels of pixels that do not count.
            Defaults to `None`: -1, and 255 where that is no class.

    Returns:
        A `ClassCounts` with a confusion matrix.

    Raises:
        ValueError: if the shapes differ, or a class is out of range.

    Example:

    >>> from keras_incremental.metrics import count_pixels
    >>> counts = count_pixels([[0, 0, 1, 255]], [[0, 1, 1, 1]], num_classes=2)
    >>> counts.iou().tolist(), counts.mean_iou()
    ([0.5, 0.5], 0.5)
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.shape != predictions.shape:
        raise ValueError(
            "`predictions` must have one class for each label. "
            f"Received: predictions.shape={predictions.shape}, "
            f"labels.shape={labels.shape}. Resize logits with "
            "`losses.logits_at(labels, logits)` before `argmax`."
        )
    if ignore_class is None:
        ignore_class = [k for k in IGNORED if not 0 <= k < num_classes]
    counted = ~np.isin(labels, ignore_class)
    labels = _checked(labels[counted], num_classes, "labels")
    predictions = _checked(predictions[counted], num_classes, "predictions")
    return ClassCounts.from_confusion(
        confusion_matrix(labels, predictions, num_classes)
    )


def count_labels(labels: ArrayLike, predictions: ArrayLike) -> ClassCounts:
    """Counts the known labels of samples that may show several classes.

    Args:
        labels: Array of shape `(num_samples, num_classes)`: 1 for yes, 0 for
            no; anything else does not count.
        predictions: Bools of the same shape, or of fewer classes: the rest
            is "no".

    Returns:
        A `ClassCounts` with a confusion matrix of no and yes for each class.

    Example:

    >>> counts = count_labels([[1, 0], [1, -1]], [[True, True], [False, True]])
    >>> counts.f1().round(3).tolist()
    [0.667, 0.0]
    """
    labels = np.asarray(labels)
    answers = np.zeros(labels.shape, bool)
    predictions = np.asarray(predictions, bool)
    answers[:, : predictions.shape[1]] = predictions
    cells = [
        [((labels == truth) & (answers == answer)).sum(0) for answer in (0, 1)]
        for truth in (0, 1)
    ]
    return ClassCounts.from_confusion(np.moveaxis(np.array(cells), -1, 0))


def _checked(classes, num_classes, name):
    wrong = np.setdiff1d(classes, np.arange(num_classes)).tolist()
    if wrong:
        raise ValueError(
            f"`{name}` must be classes from 0 to {num_classes - 1}. "
            f"Received: {wrong[:10]}. Pass labels to ignore as "
            "`ignore_class`."
        )
    return classes.astype("int64")
