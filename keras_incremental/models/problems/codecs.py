"""Encoding of labels: names and arrays in, indices of classes out."""

import abc
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.data.arrays import to_numpy
from keras_incremental.data.checked import checked
from keras_incremental.data.label_space import LabelSpace
from keras_incremental.data.labels import NO_LABEL
from keras_incremental.data.labels import check_labels
from keras_incremental.data.labels import to_indices
from keras_incremental.models.problems.partial_labels import UNKNOWN

Names = Sequence[str]


class Codec(abc.ABC):
    """Base class of codecs: what a label is, and how it is encoded.

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

    def prepare(self, y, classes: Names | None, meaning: str | None) -> tuple:
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
        y: ArrayLike,
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
    def check_fit(self, y, classes: Names, loss, argument: str) -> np.ndarray:
        """Returns the checked labels of `fit`, names made indices."""

    @abc.abstractmethod
    def check_dataset(self, data, classes: Names, loss):
        """Returns a data set of `fit` that checks the labels of each batch."""


class IndexCodec(Codec):
    """One class for each sample, as its index; -1 where it is missing."""

    def prepare(self, y, classes, meaning):
        return (y if meaning is None else without_none(y)), classes

    def encode(self, y, names, classes, argument, missing=False):
        return to_indices(y, names, classes, argument, missing)

    def encode_one_class(self, names, count):
        check_one_class(names)
        return np.zeros(count, int)

    def classes_in(self, labels):
        found = np.unique(labels)
        return found[found >= 0]

    def no_labels(self, count, num_classes):
        return np.full(count, NO_LABEL)

    def remap(self, labels, label_space, num_classes):
        new = np.arange(len(label_space.classes), num_classes)
        # The last entry is that of a missing label, -1.
        targets = np.concatenate([label_space.merged_into, new, [NO_LABEL]])
        remapped = targets[labels]
        gone = labels[(remapped == NO_LABEL) & (labels != NO_LABEL)]
        return remapped, np.unique(gone)

    def check_fit(self, y, classes, loss, argument):
        if to_numpy(y, argument).dtype.kind == "U":
            return to_indices(y, classes, classes, argument)
        check_labels(y, len(classes), classes, argument)
        return y

    def check_dataset(self, data, classes, loss):
        return checked(data, len(classes), classes)


class MapCodec(IndexCodec):
    """One class for each pixel, as maps of indices."""

    # Pixels without a label do not count.
    missing = UNKNOWN

    def encode(self, y, names, classes, argument, missing=False):
        return to_indices(y, names, classes, argument, missing, maps=True)


def check_one_class(names):
    """Raises unless there is one name, for samples without labels."""
    if len(names) != 1:
        raise ValueError(
            "`y` is missing. Samples without labels can show one class only. "
            f"Received: classes={list(names)}. Pass labels, or one name."
        )


def without_none(y):
    """Returns labels with an empty string or -1 in the place of `None`."""
    if isinstance(y, np.ndarray) and y.dtype.kind != "O":
        return y
    if not isinstance(y, (list, tuple, np.ndarray)):
        return y
    nothing = "" if any(isinstance(label, str) for label in y) else NO_LABEL
    return [(nothing if label is None else label) for label in y]
