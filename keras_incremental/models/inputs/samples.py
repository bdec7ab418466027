"""Samples and their labels, as a classifier reads them."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_incremental.data.source import Source
from keras_incremental.problems.codecs import Codec
from keras_incremental.problems.codecs import IndexCodec
from keras_incremental.problems.partial_labels import ResolvedLabels


@dataclasses.dataclass(frozen=True)
class Rereading:
    """How a data set is read again, as it was read first.

    Attributes:
        source: `Source`, which can be read more than once.
        encode: Function of labels, or `None`, and of the number of samples,
            returns encoded labels.
        keys: `short_keys_of` all samples of the first reading, or `None`
            where that kept all of them.
        rows: Ints, which of these were kept, or `None` for all.
    """

    source: Source
    encode: Callable[[Any, int], np.ndarray]
    keys: np.ndarray | None = None
    rows: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Samples:
    """Samples with labels that index all classes.

    Attributes:
        x: Array of shape `(num_samples, ...)`, as it came.
        labels: Ints of shape `(num_samples,)`, or maps of them: indices of
            `classes`, -1 where a label is missing; or multi-hot rows. `None`
            for samples without labels.
        classes: Names of all classes, known and new.
        new_classes: Names of the classes that were not known before.
        argument: Name of the argument that the samples came in, for errors.
        partial_labels: `ResolvedLabels`, the meaning of missing labels.
        old: `Samples` of known classes to replay as they are, or `None`.
        label_version: Int, version of the label space that the labels were
            given at, or `None` for the one after this phase.
        codec: `Codec` that encoded the labels.
        read_labels: Labels of all samples that were read, where these are a
            part of them. Defaults to `None`, `labels`.
        rereading: `Rereading` of the data set that the samples are from, or
            `None`, where it was arrays or can be read once.
    """

    x: Any
    labels: Any
    classes: tuple[str, ...]
    new_classes: tuple[str, ...] = ()
    argument: str = "x"
    partial_labels: ResolvedLabels = ResolvedLabels()
    old: "Samples | None" = None
    label_version: int | None = None
    codec: Codec = IndexCodec()
    read_labels: Any = None
    rereading: Rereading | None = None

    @functools.cached_property
    def shown(self) -> np.ndarray:
        """Indices of the classes that the labels show."""
        return self.codec.classes_in(self.labels)

    @property
    def all_labels(self):
        """Labels of all samples that were read."""
        return self.labels if self.read_labels is None else self.read_labels

    def missing_classes(self, label_space) -> list[int]:
        """Returns the known classes that the labels do not show.

        Args:
            label_space: `LabelSpace` of a classifier.
        """
        return sorted(set(label_space.active) - set(self.shown))

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Samples and labels."""
        return self.x, self.labels

    def at_version(self, label_version: int) -> "Samples":
        """Returns the samples, their labels given at a version."""
        return dataclasses.replace(self, label_version=label_version)

    def label_space(self, classifier):
        """Returns the `LabelSpace` of a classifier that has learned them."""
        return classifier.label_space.renewed(
            self.classes, self.partial_labels.parents
        )

    @property
    def has_label(self) -> np.ndarray:
        """Bools, which samples have a label at all."""
        return np.any(self.labels.reshape(len(self.labels), -1) >= 0, axis=1)

    @property
    def labeled(self) -> "Samples":
        """The samples that have a label at all."""
        given = self.has_label
        if given.all():
            return self
        return dataclasses.replace(
            self, x=self.x[given], labels=self.labels[given]
        )
