"""Classifiers of several labels: a yes or no for each class."""

import dataclasses

import keras
import numpy as np
from keras import ops

from keras_incremental.data.checked import checked_by
from keras_incremental.data.multi_hot import NO
from keras_incremental.data.multi_hot import YES
from keras_incremental.data.multi_hot import are_names
from keras_incremental.data.multi_hot import columns_of_names
from keras_incremental.data.multi_hot import implied
from keras_incremental.data.multi_hot import names_in
from keras_incremental.data.multi_hot import to_multi_hot
from keras_incremental.data.multi_hot import widened
from keras_incremental.data.names import check_class_names
from keras_incremental.losses.partial_binary_crossentropy import UNKNOWN
from keras_incremental.losses.partial_binary_crossentropy import (
    PartialBinaryCrossentropy,
)
from keras_incremental.metrics.class_counts import paired_drop
from keras_incremental.metrics.label_counts import count_labels
from keras_incremental.models.problems import hiding
from keras_incremental.models.problems import multi_label_ambiguity
from keras_incremental.models.problems import multi_label_objectives
from keras_incremental.models.problems.partial_labels import BACKGROUND
from keras_incremental.models.problems.partial_labels import NOT_NEW
from keras_incremental.models.problems.review_formats import ReviewSets
from keras_incremental.models.problems.segmentation import SEGMENTATION
from keras_incremental.models.problems.single_label import SINGLE_LABEL
from keras_incremental.models.problems.single_label import SingleLabel
from keras_incremental.models.problems.uncertainty import check_threshold
from keras_incremental.models.reports.report import LABELS


class MultiLabel(SingleLabel):
    """A yes or no for each class, of each picture."""

    unit = LABELS
    exclusive = balances = calibrates = False
    rows = True
    reviewing = ReviewSets()

    def known_at(self, version, label_space):
        if version == label_space.version:
            return None
        return label_space.classes[: len(label_space.steps[version])]

    def prepared(self, y, classes, meaning):
        if meaning == BACKGROUND:
            raise ValueError(
                '`unlabeled="background"` is for classes that exclude each '
                "other; here a picture may show none. Received: a multi-label "
                'classifier. Say "not_new" if every example of the new '
                'classes was labeled, or "unknown".'
            )
        if not are_names(y):
            return y, classes
        if meaning is None:
            raise ValueError(
                "Names say what a picture shows, not what it does not. "
                "Received: `y` of names. In `learn`, say "
                '`unlabeled="not_new"` if every example of the new classes '
                'was named, else "unknown"; elsewhere pass an array with 1, '
                "0, or -1 for unknown."
            )
        if classes is None:
            found = [name for entry in y for name in names_in(entry)]
            classes = list(dict.fromkeys(found))
        classes = check_class_names(classes)
        return columns_of_names(y, classes), classes

    def labels(self, y, names, known, argument, missing=False):
        return to_multi_hot(y, names, known, argument)

    def completed(self, labels, num_known, meaning):
        if meaning != NOT_NEW:
            return labels
        labels = np.array(labels)
        new = labels[:, num_known:]
        new[new == UNKNOWN] = NO
        return labels

    def of_one_class(self, names, count):
        return super().of_one_class(names, count)[:, None] + YES

    def phase_classes(self, labels):
        return np.flatnonzero((labels == YES).any(0))

    def nothing(self, count, num_classes):
        return np.full((count, num_classes), UNKNOWN, "float32")

    def recounted(self, labels, label_space, num_classes):
        answers, counted = label_space.counted_as, np.array(labels)
        gone = np.flatnonzero(answers == -1)
        shown = gone[(labels[:, gone] == YES).any(0)]
        counted[:, gone] = UNKNOWN
        for target in np.unique(answers[answers != -1]):
            members = np.flatnonzero(answers == target)
            counted[:, members] = UNKNOWN
            counted[:, target] = _either(labels[:, members])
        return counted, shown

    def check_fit(self, y, classes, loss, argument):
        labels = to_multi_hot(y, classes, classes, argument)
        _check_unknown(labels, loss, argument)
        return labels

    def checked_data(self, data, classes, loss):
        def check(y):
            labels = to_multi_hot(y, classes, classes)
            _check_unknown(labels, loss, "y")
            if (np.asarray(y) != labels).any():
                raise ValueError(
                    "Unknown labels in a data set must be -1. Received: NaN "
                    "or 255. Replace them."
                )

        return checked_by(data, check)

    def check_recipe(self, recipe, callbacks=()):
        multi_label_objectives.check_recipe(recipe, callbacks)

    def check_exclusive(self, method):
        raise ValueError(
            f"`{method}` is for classes that exclude each other. Received: a "
            "multi-label classifier. Pass old pictures to `learn` as "
            "`old_data=(x, y)`, with 1, 0, or -1 for each class, and look at "
            "the probabilities of `predict`."
        )

    def statistics(self, known, backbone, inputs):
        # Where the features lie; a picture has no class of its own.
        samples, labels = inputs.labeled
        nowhere = np.zeros(len(labels), int)
        return type(known)().updated(backbone.features_of(samples), nowhere)

    def valid_statistics(self, statistics):
        return type(statistics)()

    def with_candidates(self, classifier, inputs, samples, propose):
        parents = samples.label_space(classifier).parents
        count = len(parents)
        old = widened(inputs.old_labels, count)
        for k, absent in enumerate(samples.partial_labels.absent):
            if absent:
                old[:, len(classifier.classes) + k] = NO
        return dataclasses.replace(
            inputs,
            new_labels=implied(inputs.new_labels, parents),
            old_labels=implied(old, parents),
        )

    def resolve_splits(self, inputs, samples):
        multi_label_ambiguity.warn(inputs, samples)
        return inputs, ()

    def loss(self, recipe, inputs, samples):
        return multi_label_objectives.label_loss(recipe, inputs, samples)

    def terms(self, recipe, phase, inputs, samples, untaught, backbone):
        return multi_label_objectives.terms_of(
            recipe, phase, backbone.is_trainable
        )

    def freezes_old(self, classifier, samples, alone):
        known = len(classifier.classes)
        return not (samples.labels[:, :known] != UNKNOWN).any()

    def counts(self, policy, labels, exact, num_new, batch_size, num_classes):
        return (labels == YES).sum(0)

    def metrics(self, num_old):
        return [KnownAccuracy()]

    def default_loss(self, from_logits):
        return PartialBinaryCrossentropy(from_logits=from_logits)

    def default_metrics(self):
        return None

    def answered(self, label_space, logits):
        answers = label_space.counted_as
        if (answers == np.arange(len(answers))).all():
            return logits
        lowest = ops.full_like(logits[..., 0], hiding.lowest(logits.dtype))
        columns = []
        for index in range(len(answers)):
            members = np.flatnonzero(answers == index)
            parts = [logits[..., k] for k in members.tolist()]
            columns.append(ops.max(ops.stack(parts), 0) if parts else lowest)
        return ops.stack(columns, axis=-1)

    def probabilities(self, logits, groups):
        # The last bit depends on how many are computed together. And no
        # `sigmoid`, which TensorFlow joins with the layer before it.
        parts = [ops.exp(ops.log_sigmoid(logits[:, g])) for g in groups]
        return ops.concatenate(parts, axis=-1)

    def logits_of(self, probabilities):
        return log_odds(probabilities)

    def chosen(self, head, logits):
        return logits > 0

    def shifted(self, logits, classes, thresholds):
        if thresholds is None:
            return logits
        if not isinstance(thresholds, dict):
            thresholds = dict.fromkeys(classes, thresholds)
        return logits - log_odds([thresholds.get(c, 0.5) for c in classes])

    def check_thresholds(self, thresholds, classes):
        if thresholds is not None:
            check_threshold(thresholds, classes, "thresholds")

    def named(self, answers, names):
        return [tuple(names[row].tolist()) for row in answers]

    def among(self, outputs, shown, from_logits):
        lowest = hiding.lowest(outputs.dtype) if from_logits else 0
        result = np.where(shown, outputs, np.asarray(lowest, outputs.dtype))
        return result, np.zeros(len(outputs), bool)

    def scores(self, labels, answers, count):
        return count_labels(labels, answers).f1()

    def measured(self, samples, labels, was, now):
        known = len(samples.names) - len(samples.new_classes)
        old, truth = labels[:, :known], labels[:, :known] == YES
        was_right, is_right = was == truth, now[:, :known] == truth
        looked = old != UNKNOWN
        return {
            "unit": self.unit,
            "confusion_before": None,
            "confusion_after": None,
            "labels_before": count_labels(old, was).table,
            "labels_after": count_labels(labels, now).table,
            "drop": paired_drop(was_right[looked], is_right[looked]),
            "class_drops": {
                samples.names[k]: paired_drop(
                    was_right[looked[:, k], k], is_right[looked[:, k], k]
                )
                for k in np.flatnonzero(looked.any(0))
            },
        }


class KnownAccuracy(keras.metrics.Mean):
    """Share of the known labels that logits are right about."""

    def __init__(self):
        super().__init__("accuracy")

    def update_state(self, y_true, y_pred, sample_weight=None):
        known = ops.not_equal(y_true, UNKNOWN)
        right = ops.equal(y_true > 0.5, y_pred > 0)
        super().update_state(
            ops.cast(right, "float32"), ops.cast(known, "float32")
        )


def problem_of(split):
    """What a classifier answers, by how it ends.

    Args:
        split: `HeadSplit`, as `adopt` returns it.
    """
    if not getattr(split.head, "exclusive", True):
        return MULTI_LABEL
    return (
        SEGMENTATION if len(split.features.output_shape) == 4 else SINGLE_LABEL
    )


def log_odds(probabilities):
    """Logits of probabilities, infinite at 0 and 1."""
    p = np.asarray(probabilities, "float64")
    with np.errstate(divide="ignore"):
        return np.log(p) - np.log1p(-p)


def _either(labels):
    """Whether one of several classes is there, as far as it is known."""
    none = np.where((labels == NO).all(1), NO, UNKNOWN)
    return np.where((labels == YES).any(1), YES, none)


def _check_unknown(labels, loss, argument):
    unknown = (labels == UNKNOWN).any()
    if unknown and not isinstance(loss, PartialBinaryCrossentropy):
        raise ValueError(
            f"Of some labels in `{argument}` nothing is known, and the loss "
            f"would take them for numbers. Received: loss={loss!r}. Compile "
            "with `losses.PartialBinaryCrossentropy`."
        )


MULTI_LABEL = MultiLabel()
