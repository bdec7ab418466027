"""What a user hands to `learn`, made into arrays and indices at the door."""

import dataclasses

import numpy as np

from keras_incremental.data import as_source
from keras_incremental.data import check_class_names
from keras_incremental.data.names import normal
from keras_incremental.models.problems.partial_labels import ResolvedLabels
from keras_incremental.models.problems.problem import SINGLE_LABEL
from keras_incremental.models.problems.problem import Problem

# Of data that does not say how long it is: 4 GiB.
MAX_BYTES = 2**32


@dataclasses.dataclass(frozen=True)
class Samples:
    """Pictures and what they show.

    Attributes:
        pictures: Array of shape `(num_samples, ...)`, raw as it came.
        labels: Ints of shape `(num_samples,)`, or maps of them: indices of
            `names`, -1 where a label is missing; or multi-hot rows.
        names: Names of all classes, known and new.
        new_classes: Those of them that were not known before.
        argument: Which argument the pictures came in, for the messages.
        partial_labels: `ResolvedLabels`, the meaning of missing labels.
        old: `Samples` of known classes to replay as it is, or `None`.
        version: Int, that of the label_space which the labels are of, or
            `None`: the one after this phase.
        problem: `Problem`, what a label is.
    """

    pictures: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    new_classes: tuple[str, ...] = ()
    argument: str = "x"
    partial_labels: ResolvedLabels = ResolvedLabels()
    old: "Samples | None" = None
    version: int | None = None
    problem: Problem = SINGLE_LABEL

    @property
    def phase_classes(self):
        """Indices of the classes that there are pictures of."""
        return self.problem.codec.classes_in(self.labels)

    @property
    def arrays(self):
        """Pictures and labels."""
        return self.pictures, self.labels

    def label_space(self, classifier):
        """That of a classifier when it has learned this samples."""
        return classifier.label_space.renewed(
            self.names, self.partial_labels.parents
        )

    @property
    def labeled(self):
        """The samples without pictures that have no label at all."""
        given = np.any(self.labels.reshape(len(self.labels), -1) >= 0, axis=1)
        if given.all():
            return self
        return dataclasses.replace(
            self, pictures=self.pictures[given], labels=self.labels[given]
        )


def read_samples(
    x,
    y,
    classes,
    known,
    batch_size=32,
    steps=None,
    default=None,
    *,
    meaning=None,
    problem=SINGLE_LABEL,
):
    """Reads what `fit` takes, with labels by name or by position.

    Args:
        x: Pictures, or anything that yields `(pictures, labels)` batches.
        y: Labels, or `None` where `x` yields them or where all pictures show
            the one class in `classes`.
        classes: Names that integer labels index, or `None` for the names of
            the folders that the data was read from.
        known: Names of the classes known so far.
        batch_size: Int.
        steps: How many batches to read of data that never ends.
        default: Names to fall back on, or `None`.
        meaning: What a missing label means. Defaults to `None`, none is
            missing.
        problem: What a label is. Defaults to one class for each picture.

    Returns:
        A `Samples`.
    """
    if np.isscalar(y):
        raise TypeError(
            "`y` must hold one label for each picture. Received: "
            f"y={y!r}. Where all pictures show one class, name it in "
            "`classes` and leave out `y`."
        )
    codec = problem.codec
    y, classes = codec.prepare(y, classes, meaning)
    source = as_source(x, y, batch_size=batch_size, steps=steps)
    names = _local_names(classes, source, default)
    new = tuple(name for name in names if name not in known)
    pictures, labels = _collect(source)
    everything = (*known, *new)
    if labels is None:
        labels = codec.encode_one_class(names, len(pictures))
    labels = codec.encode(labels, names, everything, "y", meaning is not None)
    labels = codec.complete(labels, len(known), meaning)
    shown = codec.classes_in(labels)
    unseen = [n for n in new if everything.index(n) not in shown]
    if unseen:
        raise ValueError(
            f"There is no picture of the new classes {unseen}. Received: "
            f"labels of {sorted(everything[index] for index in shown)} and "
            f"classes={list(names)}. Name only classes that the data shows."
        )
    return Samples(pictures, labels, everything, new, problem=problem)


def read_known(
    x, y, classes, known, batch_size=32, steps=None, problem=SINGLE_LABEL
):
    """Reads data of known classes only, a `Samples` as of `read_lesson`."""
    samples = read_samples(
        x,
        y,
        classes,
        known,
        batch_size,
        steps,
        known,
        meaning=problem.codec.missing,
        problem=problem,
    )
    if samples.new_classes:
        raise ValueError(
            f"Classes {list(samples.new_names)} are not known yet. Known "
            f"classes: {list(known)}. Teach them by `learn`."
        )
    return samples


def read_old(classifier, data, version, batch_size=32, steps=None):
    """Reads data of known classes to replay as it is.

    Args:
        classifier: `IncrementalClassifier`.
        data: `(x, y)`, or a data set, or `None`.
        version: Int, at which it was labeled, or `None` for the present.
        batch_size: Int.
        steps: How many batches to read of data that never ends.

    Returns:
        A `Samples`, or `None`.
    """
    if data is None:
        return None
    x, y = data if isinstance(data, tuple) else (data, None)
    version = checked_version(version, classifier.label_space)
    known = classifier.problem.codec.classes_at(version, classifier.label_space)
    samples = read_known(
        x, y, known, classifier.classes, batch_size, steps, classifier.problem
    )
    return dataclasses.replace(samples, version=version, argument="old_data")


def checked_version(version, label_space):
    """A version of an label_space, the present one for `None`."""
    if version is None:
        return label_space.version
    label_space.table(version)
    return int(version)


def read_validation(
    data, names, batch_size=32, steps=None, problem=SINGLE_LABEL
):
    """Reads validation data, whose integer labels index all classes.

    Pictures read from class folders are matched by the names of the folders.

    Args:
        data: What `validation_data` of `fit` takes, or `None`.
        names: Names of all classes, the new ones among them.
        batch_size: Int.
        steps: How many batches to read of data that never ends.
        problem: What a label is. Defaults to one class for each picture.

    Returns:
        A `Samples`, or `None`.
    """
    if data is None:
        return None
    source = as_source(
        tuple(data) if isinstance(data, list) else data,
        batch_size=batch_size,
        steps=steps,
        argument="validation_data",
    )
    local = source.class_names or names
    pictures, labels = _collect(source)
    if labels is None:
        raise ValueError(
            "`validation_data` needs labels, to compare with. Received: "
            "pictures only. Give `(pictures, labels)`."
        )
    codec = problem.codec
    missing = codec.missing is not None
    labels = codec.encode(labels, local, names, "validation_data", missing)
    return Samples(
        pictures,
        labels,
        tuple(names),
        argument="validation_data",
        problem=problem,
    )


def read_auxiliary(data, batch_size=32, steps=None):
    """Reads pictures without labels; labels that come with them are dropped.

    Args:
        data: Pictures, or a data set of them, or `None`.
        batch_size: Int.
        steps: How many batches to read of data that never ends.

    Returns:
        A `Samples` without names, or `None`.
    """
    if data is None:
        return None
    source = as_source(
        data, batch_size=batch_size, steps=steps, argument="auxiliary"
    )
    pictures, _ = _collect(source)
    return Samples(pictures, None, (), argument="auxiliary")


def _collect(source):
    """All data, which must be little where nobody knows its length."""
    endless = source.num_batches is None
    return source.collect(MAX_BYTES if endless else None)


def _local_names(classes, source, default):
    if classes is not None:
        return check_class_names(classes)
    if source.class_names:
        return check_class_names(source.class_names)
    if default is not None:
        return tuple(default)
    labels = None if source.whole is None else source.whole[1]
    if labels is not None and labels.dtype.kind == "U":
        names = (normal(name) for name in labels.ravel().tolist() if name)
        return check_class_names(list(dict.fromkeys(names)))
    raise ValueError(
        "`classes` is missing: the data does not say what its labels mean. "
        'Name them, as in `learn(birds, classes=["bird"])`.'
    )
