"""Scorers: what is counted in validation data, and what a report shows."""

import abc
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from keras_incremental.data.multi_hot import YES
from keras_incremental.losses.partial_binary_crossentropy import UNKNOWN
from keras_incremental.metrics.calibration import calibration_by_age
from keras_incremental.metrics.class_counts import ClassCounts
from keras_incremental.metrics.class_counts import count_labels
from keras_incremental.metrics.confusion import confusion_matrix
from keras_incremental.metrics.drop import paired_drop
from keras_incremental.utils.probabilities import softmax

if TYPE_CHECKING:
    from keras_incremental.reporting.report import PhaseReport


class Scorer(abc.ABC):
    """Base class of scorers, which count and score predictions.

    A report keeps confusion matrices, of which a scorer computes the rest.

    Attributes:
        unit: String. What is counted, in the plural.
        metric: String. The name of the score of several classes.
        class_metric: String. The name of the score of one class.
        has_confusion: Bool. Whether one class is predicted in the place of
            another, so that confusion matrices can be drawn.
        has_flips: Bool. Whether whole samples go from right to wrong.
    """

    unit: str = "samples"
    metric: str = "accuracy"
    class_metric: str = "accuracy"
    has_confusion: bool = True
    has_flips: bool = True

    @abc.abstractmethod
    def confusion(
        self,
        labels: np.ndarray,
        predictions: np.ndarray,
        num_classes: int,
        num_predicted: int,
    ) -> np.ndarray:
        """Returns the confusion matrix of validation data.

        Args:
            labels: Encoded labels.
            predictions: Array that `Decoder.decide` returned.
            num_classes: Int. The number of classes in the labels.
            num_predicted: Int. The number of classes that the network knew.

        Returns:
            Ints of shape `(num_classes, num_predicted)`; or of shape
            `(num_predicted, 2, 2)`, for each class a matrix of no and yes.
        """

    @abc.abstractmethod
    def measure(
        self,
        labels: np.ndarray,
        before: np.ndarray,
        after: np.ndarray,
        classes: Sequence[str],
        num_old: int,
    ) -> dict[str, Any]:
        """Returns the fields of a `PhaseReport` that are measured.

        Args:
            labels: Encoded labels of validation data.
            before: Predictions before the phase.
            after: Predictions after it.
            classes: Names of all classes after the phase.
            num_old: Int. The number of classes known before it.

        Returns:
            Dict of names of fields and values.
        """

    def calibration(
        self, labels: np.ndarray, logits: np.ndarray, num_old: int
    ) -> dict[str, float]:
        """Returns the expected calibration error of samples, by their age.

        Args:
            labels: Encoded labels.
            logits: Array of shape `(num_samples, ..., num_classes)`.
            num_old: Int. The classes from `0` to `num_old - 1` are old.

        Returns:
            Dict with those of the keys `"old"`, `"new"` and `"all"` that have
            samples, see `calibration_by_age`; empty where it is not measured.
        """
        return {}

    def counts(self, confusion: np.ndarray | None) -> Any:
        """Returns the `ClassCounts` of a confusion matrix, `None` of `None`."""
        if confusion is None:
            return None
        return ClassCounts.from_confusion(confusion)

    def score(self, counts: ClassCounts, classes: Sequence[int]) -> float:
        """Returns the score of some classes, from 0 to 1.

        Args:
            counts: `ClassCounts`.
            classes: Indices of the classes.

        Returns:
            Float; NaN where nothing was counted.
        """
        return counts.accuracy(classes)

    def class_scores(
        self, labels: np.ndarray, predictions: np.ndarray, num_classes: int
    ) -> np.ndarray:
        """Returns the score of each class.

        Args:
            labels: Encoded labels.
            predictions: Array that `Decoder.decide` returned.
            num_classes: Int.

        Returns:
            Floats of shape `(num_classes,)`; NaN where nothing was counted.
        """
        counts = self.counts(
            self.confusion(labels, predictions, num_classes, num_classes)
        )
        return np.array([self.score(counts, [k]) for k in range(num_classes)])

    def is_measured(self, report: "PhaseReport") -> bool:
        """Returns whether a report has scores."""
        return report.confusion_after is not None


class SampleScorer(Scorer):
    """The accuracy of samples that show one class each."""

    def confusion(
        self,
        labels: np.ndarray,
        predictions: np.ndarray,
        num_classes: int,
        num_predicted: int,
    ) -> np.ndarray:
        counted = labels >= 0
        return confusion_matrix(
            labels[counted], predictions[counted], num_classes, num_predicted
        )

    def measure(
        self,
        labels: np.ndarray,
        before: np.ndarray,
        after: np.ndarray,
        classes: Sequence[str],
        num_old: int,
    ) -> dict[str, Any]:
        was_right, is_right = before == labels, after == labels
        old = (labels >= 0) & (labels < num_old)
        measured = {
            **_confusions(self, labels, before, after, classes, num_old),
            "drop": paired_drop(was_right[old], is_right[old]),
            "class_drops": {
                classes[k]: paired_drop(
                    was_right[labels == k], is_right[labels == k]
                )
                for k in np.unique(labels[old])
            },
        }
        if self.has_flips:
            flips = np.flatnonzero((labels >= 0) & was_right & ~is_right)
            measured["flips"] = flips
            measured["flipped_from"] = labels[flips]
            measured["flipped_to"] = after[flips]
        return measured

    def calibration(
        self, labels: np.ndarray, logits: np.ndarray, num_old: int
    ) -> dict[str, float]:
        counted = labels >= 0
        probabilities = softmax(logits[counted])
        # A phase that diverged is refused by what it did to the weights.
        if np.isnan(probabilities).any():
            return {}
        errors = calibration_by_age(labels[counted], probabilities, num_old)
        return {k: v for k, v in errors.items() if not np.isnan(v)}


class PixelScorer(SampleScorer):
    """The intersection over union of pixels."""

    unit = "pixels"
    metric = "mean IoU"
    class_metric = "IoU"
    has_flips = False

    def score(self, counts: ClassCounts, classes: Sequence[int]) -> float:
        return counts.mean_iou(classes)

    def calibration(
        self, labels: np.ndarray, logits: np.ndarray, num_old: int
    ) -> dict[str, float]:
        return {}


class TokenScorer(SampleScorer):
    """The F1 of tokens, of which most may be of one class."""

    unit = "tokens"
    metric = "mean F1"
    class_metric = "F1"
    has_flips = False

    def score(self, counts: ClassCounts, classes: Sequence[int]) -> float:
        return counts.mean_f1(classes)


class LabelScorer(Scorer):
    """The F1 of the known labels, where several classes may apply."""

    unit = "labels"
    metric = "mean F1"
    class_metric = "F1"
    has_confusion = False
    has_flips = False

    def confusion(
        self,
        labels: np.ndarray,
        predictions: np.ndarray,
        num_classes: int,
        num_predicted: int,
    ) -> np.ndarray:
        counts = count_labels(labels[:, :num_predicted], predictions)
        return np.asarray(counts.confusion)

    def measure(
        self,
        labels: np.ndarray,
        before: np.ndarray,
        after: np.ndarray,
        classes: Sequence[str],
        num_old: int,
    ) -> dict[str, Any]:
        old, truth = labels[:, :num_old], labels[:, :num_old] == YES
        was_right, is_right = before == truth, after[:, :num_old] == truth
        known = old != UNKNOWN
        return {
            **_confusions(self, labels, before, after, classes, num_old),
            "drop": paired_drop(was_right[known], is_right[known]),
            "class_drops": {
                classes[k]: paired_drop(
                    was_right[known[:, k], k], is_right[known[:, k], k]
                )
                for k in np.flatnonzero(known.any(0)).tolist()
            },
        }

    def score(self, counts: ClassCounts, classes: Sequence[int]) -> float:
        return counts.mean_f1(classes)


def _confusions(scorer, labels, before, after, classes, num_old):
    count = len(classes)
    return {
        "confusion_before": scorer.confusion(labels, before, count, num_old),
        "confusion_after": scorer.confusion(labels, after, count, count),
    }
