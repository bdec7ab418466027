"""Encoding of labels where several classes may apply to one sample."""

import numpy as np

from keras_incremental.data.checked import checked_by
from keras_incremental.data.multi_hot import NO
from keras_incremental.data.multi_hot import YES
from keras_incremental.data.multi_hot import are_names
from keras_incremental.data.multi_hot import columns_of_names
from keras_incremental.data.multi_hot import names_in
from keras_incremental.data.multi_hot import to_multi_hot
from keras_incremental.data.names import check_class_names
from keras_incremental.losses.partial_binary_crossentropy import UNKNOWN
from keras_incremental.losses.partial_binary_crossentropy import (
    PartialBinaryCrossentropy,
)
from keras_incremental.models.problems.codecs import Codec
from keras_incremental.models.problems.codecs import check_one_class
from keras_incremental.models.problems.partial_labels import BACKGROUND
from keras_incremental.models.problems.partial_labels import NOT_NEW


class MultiHotCodec(Codec):
    """A yes or no for each class, as rows of 1, 0, and -1 for unknown."""

    exclusive = False

    def classes_at(self, version, label_space):
        if version == label_space.version:
            return None
        return label_space.classes[: len(label_space.steps[version])]

    def prepare(self, y, classes, meaning):
        if meaning == BACKGROUND:
            raise ValueError(
                '`unlabeled="background"` is for classes that exclude each '
                "other; here a sample may show none. Received: a multi-label "
                'classifier. Say "not_new" if every example of the new '
                'classes was labeled, or "unknown".'
            )
        if not are_names(y):
            return y, classes
        if meaning is None:
            raise ValueError(
                "Names say what a sample shows, not what it does not. "
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

    def encode(self, y, names, classes, argument, missing=False):
        return to_multi_hot(y, names, classes, argument)

    def complete(self, labels, num_known, meaning):
        if meaning != NOT_NEW:
            return labels
        labels = np.array(labels)
        new = labels[:, num_known:]
        new[new == UNKNOWN] = NO
        return labels

    def encode_one_class(self, names, count):
        check_one_class(names)
        return np.full((count, 1), YES)

    def classes_in(self, labels):
        return np.flatnonzero((labels == YES).any(0))

    def no_labels(self, count, num_classes):
        return np.full((count, num_classes), UNKNOWN, "float32")

    def remap(self, labels, label_space, num_classes):
        targets, remapped = label_space.merged_into, np.array(labels)
        gone = np.flatnonzero(targets == -1)
        shown = gone[(labels[:, gone] == YES).any(0)]
        remapped[:, gone] = UNKNOWN
        for target in np.unique(targets[targets != -1]):
            members = np.flatnonzero(targets == target)
            remapped[:, members] = UNKNOWN
            remapped[:, target] = _any_of(labels[:, members])
        return remapped, shown

    def check_fit(self, y, classes, loss, argument):
        labels = to_multi_hot(y, classes, classes, argument)
        _check_unknown(labels, loss, argument)
        return labels

    def check_dataset(self, data, classes, loss):
        def check(y):
            labels = to_multi_hot(y, classes, classes)
            _check_unknown(labels, loss, "y")
            if (np.asarray(y) != labels).any():
                raise ValueError(
                    "Unknown labels in a data set must be -1. Received: NaN "
                    "or 255. Replace them."
                )

        return checked_by(data, check)


def _any_of(labels):
    """Returns whether any of several classes applies, as far as known."""
    none = np.where((labels == NO).all(1), NO, UNKNOWN)
    return np.where((labels == YES).any(1), YES, none)


def _check_unknown(labels, loss, argument):
    unknown = (labels == UNKNOWN).any()
    if unknown and not isinstance(loss, PartialBinaryCrossentropy):
        raise ValueError(
            f"Some labels in `{argument}` are unknown, and the loss would "
            f"take them for numbers. Received: loss={loss!r}. Compile with "
            "`losses.PartialBinaryCrossentropy`."
        )
