"""Scoring of predictions: what is counted, and what a report says of it."""

import abc

import numpy as np

from keras_incremental.data.multi_hot import YES
from keras_incremental.losses.partial_binary_crossentropy import UNKNOWN
from keras_incremental.metrics import confusion_matrix
from keras_incremental.metrics.class_counts import count_by_class
from keras_incremental.metrics.class_counts import paired_drop
from keras_incremental.metrics.label_counts import count_labels
from keras_incremental.metrics.pixel_counts import count_pixels


class Scorer(abc.ABC):
    """Base class of scorers: how predictions are counted and reported.

    Attributes:
        unit: String. What is counted, in the plural.
    """

    unit = "samples"

    @abc.abstractmethod
    def class_scores(self, labels, predictions, num_classes):
        """Returns a score from 0 to 1 for each class.

        Args:
            labels: Encoded labels.
            predictions: Array that `Decoder.decide` returned.
            num_classes: Int.

        Returns:
            Floats of shape `(num_classes,)`.
        """

    @abc.abstractmethod
    def measure(self, labels, before, after, classes, num_old):
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


class SampleScorer(Scorer):
    """Accuracy: the share of samples whose class is predicted."""

    def class_scores(self, labels, predictions, num_classes):
        counts = count_by_class(labels, predictions, num_classes)
        return counts.correct / np.maximum(counts.total, 1)

    def measure(self, labels, before, after, classes, num_old):
        counted = labels >= 0
        labels, before, after = labels[counted], before[counted], after[counted]
        was_right, is_right = before == labels, after == labels
        flips = self._flips(was_right & ~is_right)
        old = labels < num_old
        return {
            "unit": self.unit,
            "confusion_before": confusion_matrix(
                labels, before, len(classes), num_old
            ),
            "confusion_after": confusion_matrix(
                labels, after, len(classes), len(classes)
            ),
            "drop": paired_drop(was_right[old], is_right[old]),
            "class_drops": {
                classes[k]: paired_drop(
                    was_right[labels == k], is_right[labels == k]
                )
                for k in np.unique(labels[old])
            },
            "flips": np.flatnonzero(counted)[flips],
            "flipped_from": labels[flips],
            "flipped_to": after[flips],
        }

    def _flips(self, flipped):
        return np.flatnonzero(flipped)


class PixelScorer(SampleScorer):
    """Intersection over union, of pixels."""

    unit = "pixels"

    def class_scores(self, labels, predictions, num_classes):
        return count_pixels(labels, predictions, num_classes).iou()

    def _flips(self, flipped):
        return np.zeros(0, int)


class LabelScorer(Scorer):
    """F1, of the known labels where several classes may apply."""

    unit = "labels"

    def class_scores(self, labels, predictions, num_classes):
        return count_labels(labels, predictions).f1()

    def measure(self, labels, before, after, classes, num_old):
        old, truth = labels[:, :num_old], labels[:, :num_old] == YES
        was_right, is_right = before == truth, after[:, :num_old] == truth
        known = old != UNKNOWN
        return {
            "unit": self.unit,
            "confusion_before": None,
            "confusion_after": None,
            "labels_before": count_labels(old, before).table,
            "labels_after": count_labels(labels, after).table,
            "drop": paired_drop(was_right[known], is_right[known]),
            "class_drops": {
                classes[k]: paired_drop(
                    was_right[known[:, k], k], is_right[known[:, k], k]
                )
                for k in np.flatnonzero(known.any(0))
            },
        }
