"""Encoding of labels: names and arrays in, indices of classes out."""

import abc
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_incremental.data.arrays import as_array
from keras_incremental.data.arrays import class_names
from keras_incremental.data.arrays import to_numpy
from keras_incremental.data.checked import checked_by
from keras_incremental.data.label_space import LabelSpace
from keras_incremental.data.labels import NO_LABEL
from keras_incremental.data.labels import check_class_names
from keras_incremental.data.labels import check_labels
from keras_incremental.data.labels import to_indices
from keras_incremental.data.multi_hot import NO
from keras_incremental.data.multi_hot import YES
from keras_incremental.data.multi_hot import are_names
from keras_incremental.data.multi_hot import columns_of_names
from keras_incremental.data.multi_hot import names_in
from keras_incremental.data.multi_hot import to_multi_hot
from keras_incremental.losses.function_loss import as_loss
from keras_incremental.losses.function_loss import reads_indices
from keras_incremental.losses.partial_binary_crossentropy import UNKNOWN
from keras_incremental.losses.partial_binary_crossentropy import (
    PartialBinaryCrossentropy,
)
from keras_incremental.problems import partial_labels
from keras_incremental.problems.partial_labels import BACKGROUND
from keras_incremental.problems.partial_labels import NOT_NEW
from keras_incremental.utils.types import Data
from keras_incremental.utils.types import LossLike

Names = Sequence[str]
# Names, indices, maps of them, or multi-hot rows.
Labels = Any


class Codec(abc.ABC):
    """Base class of codecs, which encode labels.

    Attributes:
        exclusive: Bool. Whether a sample, or pixel, has one class only.
        missing: String. The meaning of a missing label in data of known
            classes, see `PartialLabels`; or `None` if no label may be
            missing there.
    """

    exclusive: bool = True
    missing: str | None = None

    def classes_at(
        self, version: int, label_space: LabelSpace
    ) -> tuple[str, ...] | None:
        """Returns the names that labels of a version refer to.

        Args:
            version: Int, a version of the label space.
            label_space: `LabelSpace`.

        Returns:
            Tuple of strings, or `None` for the names of now.
        """
        return None

    def prepare(
        self, y: Labels, classes: Names | None, meaning: str | None
    ) -> tuple[Labels, Names | None]:
        """Returns labels and class names before the data is opened.

        Args:
            y: Labels as the user gave them, or `None`.
            classes: List of names, or `None`.
            meaning: The meaning of missing labels, or `None`.
        """
        return y, classes

    @abc.abstractmethod
    def encode(
        self,
        y: Labels,
        names: Names,
        classes: Names,
        argument: str,
        missing: bool = False,
    ) -> np.ndarray:
        """Returns labels as indices of classes, or as multi-hot rows.

        Args:
            y: Labels as names, or as ints that index `names`.
            names: Names that the labels refer to.
            classes: Names of all classes.
            argument: String. The argument to name in errors.
            missing: Bool. Whether labels may be missing. Defaults to
                `False`.
        """

    def complete(
        self, labels: np.ndarray, num_known: int, meaning: str | None
    ) -> np.ndarray:
        """Returns labels without those that `meaning` already decides.

        Args:
            labels: Encoded labels.
            num_known: Int. The number of classes known before.
            meaning: The meaning of missing labels, or `None`.
        """
        return labels

    @abc.abstractmethod
    def encode_one_class(self, names: Names, count: int) -> np.ndarray:
        """Returns labels of samples that all show the one class of `names`.

        Args:
            names: Tuple with one name.
            count: Int. The number of samples.
        """

    @abc.abstractmethod
    def classes_in(self, labels: np.ndarray) -> np.ndarray:
        """Returns the indices of the classes that labels show, sorted."""

    @abc.abstractmethod
    def no_labels(self, count: int, num_classes: int) -> np.ndarray:
        """Returns labels of samples of which nothing is known."""

    @abc.abstractmethod
    def remap(
        self, labels: np.ndarray, label_space: LabelSpace, num_classes: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns labels after classes were merged or removed.

        Args:
            labels: Encoded labels.
            label_space: `LabelSpace`, which knows the merged and removed
                classes.
            num_classes: Int. The number of all classes, new ones included.

        Returns:
            Pair of the labels, and of the indices of removed classes that
            they showed.
        """

    @abc.abstractmethod
    def check_fit(
        self, y: Labels, classes: Names, loss: LossLike, argument: str
    ) -> np.ndarray:
        """Returns the checked labels of `fit`, names made indices."""

    @abc.abstractmethod
    def check_dataset(self, data: Data, classes: Names, loss: LossLike) -> Data:
        """Returns a data set of `fit` that checks the labels of each batch."""


class IndexCodec(Codec):
    """One class for each sample, as its index; -1 where it is missing."""

    def prepare(
        self, y: Labels, classes: Names | None, meaning: str | None
    ) -> tuple[Labels, Names | None]:
        return (y if meaning is None else without_none(y)), classes

    def encode(
        self,
        y: Labels,
        names: Names,
        classes: Names,
        argument: str,
        missing: bool = False,
    ) -> np.ndarray:
        return to_indices(y, names, classes, argument, missing)

    def encode_one_class(self, names: Names, count: int) -> np.ndarray:
        check_one_class(names)
        return np.zeros(count, int)

    def classes_in(self, labels: np.ndarray) -> np.ndarray:
        found = np.unique(labels)
        return found[found >= 0]

    def no_labels(self, count: int, num_classes: int) -> np.ndarray:
        return np.full(count, NO_LABEL)

    def remap(
        self, labels: np.ndarray, label_space: LabelSpace, num_classes: int
    ) -> tuple[np.ndarray, np.ndarray]:
        new = np.arange(len(label_space.classes), num_classes)
        # The last entry is that of a missing label, -1.
        targets = np.concatenate([label_space.merged_into, new, [NO_LABEL]])
        remapped = targets[labels]
        gone = labels[(remapped == NO_LABEL) & (labels != NO_LABEL)]
        return remapped, np.unique(gone)

    def check_fit(
        self, y: Labels, classes: Names, loss: LossLike, argument: str
    ) -> np.ndarray:
        if to_numpy(y, argument).dtype.kind == "U":
            return to_indices(y, classes, classes, argument)
        check_labels(y, len(classes), classes, argument)
        y = to_numpy(y, argument)
        return _from_one_hot(y) if self._is_wide(y, classes, loss) else y

    def check_dataset(self, data: Data, classes: Names, loss: LossLike) -> Data:
        def check(y):
            return self.check_fit(y, classes, loss, "y")

        def spec(y):
            wide = self._is_wide(y, classes, loss)
            return type(y)(y.shape[:1], "int64") if wide else y

        return checked_by(data, check, names=True, spec=spec)

    def _is_wide(self, y, classes, loss):
        """Returns whether labels, or a spec, are wider than a loss reads."""
        # Rows of tokens have a label in each column. A spec may say nothing.
        unknown = getattr(y.shape, "rank", 2) is None
        if self.missing is not None or unknown or len(y.shape) != 2:
            return False
        is_one_hot = 1 < (y.shape[1] or 0) == len(classes)
        return is_one_hot and loss is not None and reads_indices(as_loss(loss))


class MapCodec(IndexCodec):
    """One class for each pixel, as maps of indices."""

    # Pixels without a label do not count.
    missing = partial_labels.UNKNOWN

    def encode(
        self,
        y: Labels,
        names: Names,
        classes: Names,
        argument: str,
        missing: bool = False,
    ) -> np.ndarray:
        return to_indices(y, names, classes, argument, missing, axes=2)


class TokenCodec(IndexCodec):
    """One class for each token, as rows of indices.

    Tokens without a label do not count: those of padding, and the later ones
    of a word.
    """

    missing = partial_labels.UNKNOWN

    def encode(
        self,
        y: Labels,
        names: Names,
        classes: Names,
        argument: str,
        missing: bool = False,
    ) -> np.ndarray:
        return to_indices(y, names, classes, argument, True, axes=1)

    def check_fit(
        self, y: Labels, classes: Names, loss: LossLike, argument: str
    ) -> np.ndarray:
        y = to_numpy(y, argument)
        if y.dtype.kind == "U":
            y = self.encode(y, classes, classes, argument)
        ignored = getattr(loss, "ignore_class", None)
        check_labels(y, len(classes), classes, argument, ignored, sparse=True)
        return y


def _from_one_hot(y):
    if not (np.isin(y, (0, 1)).all() and (y.sum(1) == 1).all()):
        raise ValueError(
            "A sparse loss reads one class of each sample. Received: y of "
            f"shape {y.shape}, with rows that are not one-hot. Compile with "
            "`keras.losses.CategoricalCrossentropy`, which reads "
            "probabilities, or pass the index of each class."
        )
    return y.argmax(1)


def check_one_class(names):
    """Raises unless there is one name, for samples without labels."""
    if len(names) != 1:
        raise ValueError(
            "`y` is missing. Samples without labels can show one class only. "
            f"Received: classes={list(names)}. Pass labels, or one name."
        )


def without_none(y):
    """Returns labels with an empty string or -1 in the place of `None`."""
    if class_names(y):
        return y
    y = as_array(y)
    if isinstance(y, np.ndarray) and y.dtype.kind != "O":
        return y
    if not isinstance(y, (list, tuple, np.ndarray)):
        return y
    nothing = "" if any(isinstance(label, str) for label in y) else NO_LABEL
    return [(nothing if label is None else label) for label in y]


class MultiHotCodec(Codec):
    """Multi-hot labels, as rows of 1, 0, and -1 for unknown."""

    exclusive = False

    def classes_at(
        self, version: int, label_space: LabelSpace
    ) -> tuple[str, ...] | None:
        if version == label_space.version:
            return None
        return label_space.classes_at(version)

    def prepare(
        self, y: Labels, classes: Names | None, meaning: str | None
    ) -> tuple[Labels, Names | None]:
        if meaning == BACKGROUND:
            raise ValueError(
                '`unlabeled="background"` is for classes that exclude each '
                "other; here a sample may show none. Received: a multi-label "
                'classifier. Say "not_new" if every example of the new '
                'classes was labeled, or "unknown".'
            )
        if not are_names(as_array(y)):
            return y, classes
        y = as_array(y)
        if meaning is None:
            raise ValueError(
                "Names list the classes of a sample, but do not say if other "
                "classes are absent. Received: `y` of names. In `learn`, pass "
                '`unlabeled="not_new"` if every example of the new classes '
                'was named, else "unknown"; elsewhere pass an array with 1, '
                "0, or -1 for unknown."
            )
        if classes is None:
            found = [name for entry in y for name in names_in(entry)]
            classes = list(dict.fromkeys(found))
        classes = check_class_names(classes)
        return columns_of_names(y, classes), classes

    def encode(
        self,
        y: Labels,
        names: Names,
        classes: Names,
        argument: str,
        missing: bool = False,
    ) -> np.ndarray:
        return to_multi_hot(y, names, classes, argument)

    def complete(
        self, labels: np.ndarray, num_known: int, meaning: str | None
    ) -> np.ndarray:
        if meaning != NOT_NEW:
            return labels
        labels = np.array(labels)
        new = labels[:, num_known:]
        new[new == UNKNOWN] = NO
        return labels

    def encode_one_class(self, names: Names, count: int) -> np.ndarray:
        check_one_class(names)
        return np.full((count, 1), YES)

    def classes_in(self, labels: np.ndarray) -> np.ndarray:
        return np.flatnonzero((labels == YES).any(0))

    def no_labels(self, count: int, num_classes: int) -> np.ndarray:
        return np.full((count, num_classes), UNKNOWN, "float32")

    def remap(
        self, labels: np.ndarray, label_space: LabelSpace, num_classes: int
    ) -> tuple[np.ndarray, np.ndarray]:
        targets, remapped = label_space.merged_into, np.array(labels)
        gone = np.flatnonzero(targets == -1)
        shown = gone[(labels[:, gone] == YES).any(0)]
        remapped[:, gone] = UNKNOWN
        for target in np.unique(targets[targets != -1]):
            members = np.flatnonzero(targets == target)
            remapped[:, members] = UNKNOWN
            remapped[:, target] = _any_of(labels[:, members])
        return remapped, shown

    def check_fit(
        self, y: Labels, classes: Names, loss: LossLike, argument: str
    ) -> np.ndarray:
        labels = to_multi_hot(y, classes, classes, argument)
        _check_unknown(labels, loss, argument)
        return labels

    def check_dataset(self, data: Data, classes: Names, loss: LossLike) -> Data:
        def check(y):
            labels = to_multi_hot(y, classes, classes)
            _check_unknown(labels, loss, "y")
            if (np.asarray(y) != labels).any():
                raise ValueError(
                    "Unknown labels in a data set must be -1. Received: NaN "
                    "or 255. Replace them."
                )
            return y

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
