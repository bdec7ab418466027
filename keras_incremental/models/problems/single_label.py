"""What a classifier answers: a class for each picture.

All that other kinds do otherwise is here: `label_maps.py` has a class for
each pixel, `many_labels.py` classes that do not exclude each other.
"""

import keras
import numpy as np
from keras import ops

from keras_incremental.data.arrays import to_numpy
from keras_incremental.data.checked import checked
from keras_incremental.data.labels import NO_LABEL
from keras_incremental.data.labels import check_labels
from keras_incremental.data.labels import to_indices
from keras_incremental.losses.shapes import logits_at
from keras_incremental.metrics import confusion_matrix
from keras_incremental.metrics.balanced_accuracy import BalancedAccuracy
from keras_incremental.metrics.class_counts import count_by_class
from keras_incremental.metrics.class_counts import paired_drop
from keras_incremental.models.conversion.loss_outputs import check_loss
from keras_incremental.models.problems import ambiguous_splits
from keras_incremental.models.problems import candidate_sets
from keras_incremental.models.problems import decoding
from keras_incremental.models.problems import hiding
from keras_incremental.models.problems import objectives
from keras_incremental.models.problems.review_formats import ReviewNames
from keras_incremental.models.reports.report import PICTURES


class SingleLabel:
    """One class for each picture.

    Attributes:
        unit: What a report counts.
        exclusive: Bool. Whether what is of one class is of no other.
        balances: Bool. Whether classes get weights by their numbers.
        calibrates: Bool. Whether biases of new classes can be corrected on
            new pictures alone.
        center_features: Bool. Whether features can be centered.
        said_missing: What a missing label of known data means, or `None` if
            none may be missing.
        rows: Bool. Whether a row of labels is a yes or no for each class.
        reviewing: What is proposed to people, and what they answer.
    """

    unit = PICTURES
    exclusive = True
    balances = calibrates = center_features = True
    said_missing = None
    rows = False
    reviewing = ReviewNames()

    def known_at(self, version, label_space):
        """Names that labels of a version number, `None` for those of now."""
        return None

    def prepared(self, y, classes, meaning):
        """Labels and names of classes, before the data is opened."""
        return (y if meaning is None else without_none(y)), classes

    def labels(self, y, names, known, argument, missing=False):
        """Labels as indices of known classes."""
        return to_indices(y, names, known, argument, missing)

    def completed(self, labels, num_known, meaning):
        """Labels with what the meaning of missing ones says already."""
        return labels

    def of_one_class(self, names, count):
        """Labels of pictures that come without any."""
        if len(names) == 1:
            return np.zeros(count, int)
        raise ValueError(
            "`y` is missing. Pictures without labels can show one class only. "
            f"Received: classes={list(names)}. Pass labels, or one name."
        )

    def phase_classes(self, labels):
        """Indices of the classes that labels show."""
        found = np.unique(labels)
        return found[found >= 0]

    def nothing(self, count, num_classes):
        """Labels of pictures of which nothing is known."""
        return np.full(count, NO_LABEL)

    def recounted(self, labels, label_space, num_classes):
        """Labels as classes are counted now, and those that were removed."""
        new = np.arange(len(label_space.classes), num_classes)
        # The last is that of a missing label.
        answers = np.concatenate([label_space.counted_as, new, [NO_LABEL]])
        counted = answers[labels]
        gone = labels[(counted == NO_LABEL) & (labels != NO_LABEL)]
        return counted, np.unique(gone)

    def check_fit(self, y, classes, loss, argument):
        """Labels of `fit`, names made indices."""
        if to_numpy(y, argument).dtype.kind == "U":
            return to_indices(y, classes, classes, argument)
        check_labels(y, len(classes), classes, argument)
        return y

    def checked_data(self, data, classes, loss):
        """A data set of `fit` whose labels are looked at in each batch."""
        return checked(data, len(classes), classes)

    def check_recipe(self, recipe, callbacks=()):
        """Raises if a part of a recipe is for another kind."""
        if not objectives.is_auto(recipe.loss):
            check_loss(recipe.loss, True, "the network in training")

    def check_exclusive(self, method):
        """Raises if a method needs one class for each sample."""

    def statistics(self, known, backbone, inputs):
        """`FeatureStatistics` with those of a phase."""
        if not backbone.is_trainable:
            samples, labels = inputs.labeled
            return known.updated(backbone.features_of(samples), labels)
        samples, labels = inputs.known
        return type(known)().updated(backbone.features_of(samples), labels)

    def valid_statistics(self, statistics):
        """What of them is kept for later phases."""
        return statistics

    def with_candidates(self, classifier, inputs, samples, propose):
        """Inputs whose labels say what each sample may be."""
        return candidate_sets.with_candidates(
            classifier, inputs, samples, propose
        )

    def resolve_splits(self, inputs, samples):
        """Inputs and terms that decide what no label decides."""
        return ambiguous_splits.resolve_splits(inputs, samples)

    def loss(self, recipe, inputs, samples):
        """The loss of the labels."""
        return objectives.label_loss(recipe, inputs.table)

    def terms(self, recipe, phase, inputs, samples, untaught, backbone):
        """Pairs of factors and terms, and the weight of the labels."""
        return objectives.terms_of(
            recipe, phase, inputs, samples, untaught, backbone
        )

    def freezes_old(self, classifier, samples, alone):
        """Whether old columns should stay as they are, if features do."""
        return alone or objectives.only_splits(classifier, samples)

    def counts(self, policy, labels, exact, num_new, batch_size, num_classes):
        """How many samples of each class an epoch shows."""
        return policy.counts(labels, num_new, batch_size, num_classes)

    def metrics(self, num_old):
        """The metrics that `fit` shows."""
        return [LabeledAccuracy(), BalancedAccuracy(num_old)]

    def default_loss(self, from_logits):
        """The loss that a classifier is compiled with."""
        return keras.losses.SparseCategoricalCrossentropy(
            from_logits=from_logits
        )

    def default_metrics(self):
        """The metrics that a classifier is compiled with."""
        return ["accuracy"]

    def answered(self, label_space, logits):
        """Logits of what classes are counted as."""
        return decoding.answered(label_space, logits)

    def probabilities(self, logits, groups):
        """What a classifier of probabilities answers.

        Args:
            logits: Tensor `(..., num_classes)`.
            groups: Slices of the classes that arrived together.
        """
        return ops.softmax(logits)

    def logits_of(self, probabilities):
        """Logits that mean the same as what a classifier answers."""
        return decoding.log_of(probabilities)

    def chosen(self, head, logits):
        """What logits of what is answered mean."""
        return decoding.largest(head, logits)

    def shifted(self, logits, classes, thresholds):
        """Logits above 0 where a class is more probable than it must be."""
        return logits

    def check_thresholds(self, thresholds, classes):
        """Raises unless thresholds are those of a yes or no."""
        if thresholds is not None:
            raise ValueError(
                "`thresholds` say when a class is named beside others, and "
                f"here only the best one is. Received: thresholds={thresholds}."
                " Leave it out, or use `unknown` to name none."
            )

    def named(self, answers, names):
        """Names of what was decided."""
        return names[answers]

    def among(self, outputs, shown, from_logits):
        """Outputs among some classes, and which have lost their digits."""
        if from_logits:
            outputs = hiding.hidden_logits(outputs, shown)
            return outputs, np.zeros(outputs.shape[:-1], bool)
        return hiding.hidden_probabilities(outputs, shown)

    def sized(self, outputs, labels):
        """Outputs in the size of the labels."""
        return outputs

    def scores(self, labels, answers, count):
        """A score from 0 to 1 for each class."""
        counts = count_by_class(labels, answers, count)
        return counts.correct / np.maximum(counts.total, 1)

    def measured(self, samples, labels, was, now):
        """What a `PhaseReport` says of accuracies, by its names."""
        counted = labels >= 0
        labels, was, now = labels[counted], was[counted], now[counted]
        count = len(samples.names)
        known = count - len(samples.new_classes)
        was_right, is_right = was == labels, now == labels
        flips = self._flips(was_right & ~is_right)
        return {
            "unit": self.unit,
            "confusion_before": confusion_matrix(labels, was, count, known),
            "confusion_after": confusion_matrix(labels, now, count, count),
            **self._drops(samples, labels, known, was_right, is_right),
            "flips": np.flatnonzero(counted)[flips],
            "flipped_from": labels[flips],
            "flipped_to": now[flips],
        }

    def _flips(self, flipped):
        return np.flatnonzero(flipped)

    def _drops(self, samples, labels, known, was_right, is_right):
        old = labels < known
        return {
            "drop": paired_drop(was_right[old], is_right[old]),
            "class_drops": {
                samples.names[k]: paired_drop(
                    was_right[labels == k], is_right[labels == k]
                )
                for k in np.unique(labels[old])
            },
        }


class LabeledAccuracy(keras.metrics.SparseCategoricalAccuracy):
    """Accuracy of those samples whose label is one class."""

    def __init__(self):
        super().__init__("accuracy")

    def update_state(self, y_true, y_pred, sample_weight=None):
        labels = ops.cast(y_true, "int32")
        y_pred = logits_at(labels, y_pred)
        known = ops.logical_and(labels >= 0, labels < y_pred.shape[-1])
        super().update_state(y_true, y_pred, ops.cast(known, "float32"))


def without_none(y):
    """Names with an empty string where a list of labels has `None`."""
    if isinstance(y, np.ndarray) and y.dtype.kind != "O":
        return y
    if not isinstance(y, (list, tuple, np.ndarray)):
        return y
    nothing = "" if any(isinstance(label, str) for label in y) else NO_LABEL
    return [(nothing if label is None else label) for label in y]


SINGLE_LABEL = SingleLabel()
