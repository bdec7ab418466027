"""Whatever `fit` takes, read as `Samples` of a classifier."""

import dataclasses
import functools
import typing

import numpy as np

from keras_incremental.data import as_source
from keras_incremental.data import check_class_names
from keras_incremental.data.arrays import as_array
from keras_incremental.data.class_sample import ClassSample
from keras_incremental.data.labels import normals
from keras_incremental.models.inputs import checks
from keras_incremental.models.inputs.parts import listed
from keras_incremental.models.inputs.parts import may_vary
from keras_incremental.models.inputs.parts import parts_read
from keras_incremental.models.inputs.parts import reads_lists
from keras_incremental.models.inputs.pipelines import check_steps
from keras_incremental.models.inputs.pipelines import chosen_of
from keras_incremental.models.inputs.pipelines import is_arrays
from keras_incremental.models.inputs.pipelines import with_chosen_labels
from keras_incremental.models.inputs.samples import Rereading
from keras_incremental.models.inputs.samples import Samples
from keras_incremental.models.inputs.texts import read_with_tokens
from keras_incremental.problems.partial_labels import PartialLabels
from keras_incremental.utils import large_arrays


@dataclasses.dataclass(frozen=True)
class OldData:
    """Data of known classes that is still at hand, for `learn(old_data=)`.

    Args:
        x: Samples, or a data set of `(samples, labels)`.
        y: Labels of the samples. Defaults to `None`: `x` yields them.
        label_version: Int, `clf.label_space.version` at the time that the
            data was labeled. Defaults to `None`, the present one.
    """

    x: typing.Any
    y: typing.Any = None
    label_version: int | None = None


class Reader:
    """Reads data for a classifier, labels by name or by position.

    Args:
        classifier: `IncrementalClassifier`.
        batch_size: Int, rows in a batch of arrays. Defaults to `32`.
        steps: Int, batches to read of data that has no end. Defaults to
            `None`, all.
        verbose: Same as for `fit`; progress is shown where reading takes
            long. Defaults to `0`.
        trains: Bool. Whether a network may train on what `new` reads, anew in
            each epoch, so that a part of it is enough to keep. Defaults to
            `False`.
    """

    def __init__(
        self, classifier, batch_size=32, steps=None, verbose=0, trains=False
    ):
        model = classifier.features
        self.classifier = classifier
        # What samples of this model may look like.
        self.forms = {
            "lists": reads_lists(model),
            "varies": may_vary(model),
            "choose": functools.partial(parts_read, model=model),
        }
        self.codec = classifier.problem.codec
        self.known = classifier.classes
        self.batch_size = batch_size
        self.steps = steps
        self.verbose = verbose
        self.trains = trains

    def new(self, x, y=None, classes=None, partial_labels=None, old_data=None):
        """Returns `Samples` of new or known classes.

        Args:
            x: Samples, or anything that yields `(samples, labels)` batches.
            y: Labels, or `None` where `x` yields them or where all samples
                show the one class in `classes`.
            classes: Names that integer labels index, or `None` for the names
                of the folders that the data was read from.
            partial_labels: `PartialLabels`, or `None`.
            old_data: Same as for `old_data`.
        """
        partial = checked_partial_labels(partial_labels)
        exclusive = self.codec.exclusive
        partial.check(self.known, exclusive)
        samples = self._read(x, y, classes, partial.unlabeled)
        resolved = partial.resolve(
            samples.labels, samples.new_classes, self.known, exclusive
        )
        old = checks.compatible(self.old_data(old_data), self.classifier)
        return dataclasses.replace(samples, partial_labels=resolved, old=old)

    def old(self, x, y=None, classes=None, argument="x"):
        """Returns `Samples` of known classes. Arguments are those of `new`."""
        missing = self.codec.missing
        samples = self._read(x, y, classes, missing, self.known, argument)
        if samples.new_classes:
            raise ValueError(
                f"Classes {list(samples.new_classes)} are not known yet. "
                f"Known classes: {list(self.known)}. Teach them by `learn`."
            )
        return samples

    def old_data(self, data):
        """Returns `Samples` of `OldData`, of a tuple `(x, y)` or data set."""
        if data is None:
            return None
        if not isinstance(data, OldData):
            data = OldData(*data) if isinstance(data, tuple) else OldData(data)
        label_space = self.classifier.label_space
        version = checked_version(data.label_version, label_space)
        names = self.codec.classes_at(version, label_space)
        samples = self.old(data.x, data.y, names, "old_data")
        return dataclasses.replace(samples, label_version=version)

    def validation(self, data, classes):
        """Returns `Samples` to measure on, or `None`.

        Integer labels index all classes; samples that were read from folders
        are matched by the names of the folders.

        Args:
            data: What `validation_data` of `fit` takes, or `None`.
            classes: Names of all classes, the new ones among them.
        """
        if data is None:
            return None
        data = self.pair(data)
        source = self.source(data, argument="validation_data")
        local = source.class_names or classes
        x, labels = source.collect(verbose=self.verbose)
        if labels is None:
            raise ValueError(
                "`validation_data` needs labels, to compare with. Received: "
                "samples only. Give `(samples, labels)`."
            )
        missing = self.codec.missing is not None
        labels = self.codec.encode(
            labels, local, classes, "validation_data", missing
        )
        return Samples(
            x,
            labels,
            tuple(classes),
            argument="validation_data",
            codec=self.codec,
        )

    def auxiliary(self, data):
        """Returns `Samples` without labels, or `None`.

        Args:
            data: Samples, or a data set of them; labels that come with them
                are dropped. Or `None`.
        """
        if data is None:
            return None
        source = self.source(data, argument="auxiliary")
        x, _ = source.collect(verbose=self.verbose)
        return Samples(x, None, (), argument="auxiliary")

    def source(self, x, y=None, argument="x"):
        """Returns the `Source` of data; `steps` are those of `x` alone."""
        model = self.classifier.features
        x, y = with_chosen_labels(self.classifier, x, y)
        if self.classifier.preprocessor is not None:
            x, y = read_with_tokens(self.classifier, x, y, argument)
        y = self._as_labels(y)
        is_x = argument == "x"
        if not is_x:
            check_steps(x, None, None, argument)
        return as_source(
            listed(x, model, argument) if is_arrays(x) else x,
            y,
            batch_size=self.batch_size,
            steps=self.steps if is_x else None,
            argument=argument,
            **self.forms,
        )

    def pair(self, data):
        """Returns validation data, a tuple where it is arrays."""
        data = pair(data)
        if not isinstance(data, tuple):
            return data
        labels = (chosen_of(self.classifier, part) for part in data[1:])
        return (*data[:1], *map(self._as_labels, labels))

    def _as_labels(self, y):
        """Returns labels; columns of a table of tokens name no classes."""
        return as_array(y) if self.classifier.classifies_positions else y

    def _read(self, x, y, classes, unlabeled, default=None, argument="x"):
        if np.isscalar(y):
            raise TypeError(
                "`y` must hold one label for each sample. Received: "
                f"y={y!r}. Where all samples show one class, name it in "
                "`classes` and leave out `y`."
            )
        codec, known = self.codec, self.known
        y, classes = codec.prepare(y, classes, unlabeled)
        source = self.source(x, y, argument)
        names = local_names(classes, source) or default
        part = self._part(source) if argument == "x" else None
        if part is None:
            x, labels = source.collect(verbose=self.verbose)
        else:
            x, labels = source.sample(part, self.verbose)
        names = names or _names_in(labels)
        old = set(known)
        new = tuple(name for name in names if name not in old)
        everything = (*known, *new)
        missing = unlabeled is not None

        def encode(labels, count):
            if labels is None:
                labels = codec.encode_one_class(names, count)
            labels = codec.encode(labels, names, everything, "y", missing)
            return codec.complete(labels, len(known), unlabeled)

        samples = Samples(
            x,
            encode(labels, len(x) if part is None else part.count),
            everything,
            new,
            argument,
            codec=codec,
        )
        _check_shown(samples, names)
        return _to_reread(samples, source, encode, part)

    def _part(self, source):
        """Returns a `ClassSample` where a part of the samples is enough.

        A network reads the others anew in each epoch.
        """
        classifier = self.classifier
        suffices = (
            self.trains
            and _is_reread(source)
            and classifier.backbone.is_trainable
            and classifier.problem.objective.balances_classes
            and not classifier.head.is_closed_form
        )
        if not suffices:
            return None
        memory, most = classifier.memory, large_arrays.LIMIT // 2
        wanted = 1 if memory is None else memory.budget
        if getattr(memory, "per_class", False):
            return ClassSample(most, 1, wanted, classifier.seed)
        return ClassSample(most, wanted, seed=classifier.seed)


def checked_partial_labels(value):
    """Returns `PartialLabels`, those of complete labels for `None`."""
    if value is None:
        return PartialLabels()
    if not isinstance(value, PartialLabels):
        raise TypeError(
            "`partial_labels` must be `PartialLabels` or `None`. Received: "
            f"partial_labels={value!r}. Pass, for example, "
            '`PartialLabels(unlabeled="not_new")`.'
        )
    return value


def collect_samples(classifier, x, batch_size=32, steps=None):
    """Returns the samples of data for `predict`, and labels or `None`."""
    return Reader(classifier, batch_size, steps).source(x).collect()


def checked_version(version, label_space):
    """Returns a version of a label space, the present one for `None`."""
    if version is None:
        return label_space.version
    label_space.table(version)
    return int(version)


def local_names(classes, source):
    """Returns the names that integer labels index, or `None`."""
    names = (source.class_names or None) if classes is None else classes
    return None if names is None else check_class_names(names)


def pair(data):
    """Returns validation data as a tuple, where it is a list of arrays."""
    pair = isinstance(data, list) and is_arrays(data)
    return tuple(data) if pair else data


def _is_reread(source):
    """Returns whether to read data again may give other samples."""
    held = source.whole is not None or source.kind == "list"
    return source.reiterable and not held


def _to_reread(samples, source, encode, part):
    """Returns samples that say how their data is read again.

    Args:
        samples: `Samples` with the labels of all that were read.
        source: `Source` of them.
        encode: See `Rereading`.
        part: `ClassSample` of those that were kept, or `None` for all.
    """
    if not _is_reread(source):
        return samples
    if part is None or part.count == len(part.rows):
        return dataclasses.replace(samples, rereading=Rereading(source, encode))
    return dataclasses.replace(
        samples,
        labels=samples.labels[part.rows],
        read_labels=samples.labels,
        rereading=Rereading(source, encode, part.keys, part.rows),
    )


def _names_in(labels):
    """Returns the names in labels, in order of arrival."""
    if labels is not None and labels.dtype.kind == "U":
        given = dict.fromkeys(name for name in labels.ravel().tolist() if name)
        return check_class_names(list(dict.fromkeys(normals(given))))
    raise ValueError(
        "`classes` is missing: integer labels need names. Name them, as in "
        '`learn(birds, classes=["bird"])`.'
    )


def _check_shown(samples, names):
    shown, everything, new = samples.shown, samples.classes, samples.new_classes
    first = len(everything) - len(new)
    unseen = [name for i, name in enumerate(new, first) if i not in shown]
    if unseen:
        raise ValueError(
            f"There is no sample of the new classes {unseen}. Received: "
            f"labels of {sorted(everything[index] for index in shown)} and "
            f"classes={list(names)}. Name only classes that the data shows."
        )
