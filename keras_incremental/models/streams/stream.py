"""A stream: a run of `observe` over batches that come and go."""

import keras
import numpy as np

from keras_incremental.data import check_class_names
from keras_incremental.data import to_indices
from keras_incremental.data.labels import normals
from keras_incremental.models.inputs import checks
from keras_incremental.models.inputs.reading import Reader
from keras_incremental.models.inputs.reading import local_names
from keras_incremental.models.inputs.samples import Samples
from keras_incremental.models.phases.describing import check_can_train
from keras_incremental.models.run import Run
from keras_incremental.models.streams.steps import RunningStatistics
from keras_incremental.models.streams.steps import learner_of
from keras_incremental.models.weighing import described_weights
from keras_incremental.reporting.report import PhaseReport
from keras_incremental.utils import devices


class StreamReader(Reader):
    """Reads a stream, in which any batch may bring a new name.

    Attributes:
        num_batches: Int, how many batches there are, or `None` where that is
            not known.
    """

    num_batches: int | None = None

    def batches(self, x, y=None, classes=None):
        """Returns an iterator of `Samples`, read as they are asked for.

        The classes of each are those known by then.

        Args:
            x: Samples, or anything that yields `(samples, labels)` batches.
            y: Labels, or `None` where `x` yields them.
            classes: Names that integer labels index, or `None` for the names
                of the folders that the data was read from, else the known
                classes.
        """
        source = self.source(x, y)
        if source.has_labels is False:
            raise _without_labels("y")
        self.num_batches = source.num_batches
        return self._batches(source, local_names(classes, source))

    def validation(self, data, classes=()):
        """Returns `Samples` to measure on, or `None`.

        Args:
            data: What `validation_data` of `fit` takes, or `None`. Its names
                may not have arrived yet.
            classes: Not used: integer labels index the known classes.
        """
        if data is None:
            return None
        argument = "validation_data"
        source = self.source(self.pair(data), argument=argument)
        x, y = source.collect(verbose=self.verbose)
        local = local_names(None, source)
        return _samples(x, y, local, self.known, argument, argument)

    def _batches(self, source, local):
        known = self.known
        for x, y in source.batches():
            samples = _samples(x, y, local, known)
            known = samples.classes
            yield samples


def arrived(validation, classes):
    """Returns rows of validation samples whose class has arrived.

    Args:
        validation: `Samples`.
        classes: Names of the classes that have arrived.

    Returns:
        Ints, the rows, and their labels as indices of `classes`.
    """
    known = [name in classes for name in validation.classes]
    rows = np.flatnonzero(np.array(known)[validation.labels])
    shown = [validation.classes[label] for label in validation.labels[rows]]
    return rows, np.array([classes.index(name) for name in shown], int)


def _samples(x, y, local, known, argument="x", labels="y"):
    if y is None:
        raise _without_labels(labels)
    local = local or _names_in(y) or known
    shown = to_indices(y, local, local, argument=labels)
    _, first = np.unique(shown, return_index=True)
    order = [local[k] for k in shown[np.sort(first)]]
    new = tuple(name for name in order if name not in known)
    names = (*known, *new)
    index = {name: position for position, name in enumerate(names)}
    indices = np.array([index.get(name, -1) for name in local])[shown]
    return Samples(x, indices, names, new, argument)


def _names_in(y):
    """Returns the names in labels, in order of arrival; none of numbers."""
    if y.dtype.kind != "U":
        return ()
    names = dict.fromkeys(normals(dict.fromkeys(y.ravel().tolist())))
    return check_class_names(list(names))


def _without_labels(argument):
    return ValueError(
        f"`{argument}` has no labels. Received: samples only. Give one name "
        "for each sample, or batches of `(samples, names)`."
    )


class StreamRun(Run):
    """A run over a stream, in which each batch is seen once.

    Args:
        classifier: `IncrementalClassifier`.
        batches: Iterator of `Samples`, not checked against the classifier.
        validation: `Samples` to measure on, or `None`; their classes may not
            have arrived.
        options: `FitOptions`.
        gate: See `Run`.
        num_batches: Int, or `None` where that is not known.
    """

    def __init__(
        self, classifier, batches, validation, options, gate, num_batches=None
    ):
        super().__init__(classifier, validation, options, gate)
        bar = keras.utils.Progbar(num_batches, verbose=options.verbose)
        self.stream = _CheckedBatches(batches, classifier, bar)
        self.statistics = None
        self._validation_inputs = None

    @property
    def description(self):
        recipe, memory = self.classifier.recipe, self.classifier.memory
        kept = "no exemplars"
        if memory is not None:
            kept = f"replay of a {memory.policy} reservoir"
        names = [type(term).__name__ for term in recipe.given_terms]
        weights = described_weights(self.classifier, self.stream.classes)
        return ", ".join([recipe.name, "stream", kept, *names, *weights])

    def read(self):
        check_can_train(self.classifier, "`observe`")
        classifier = self.classifier
        if not classifier.head.is_closed_form:
            devices.check_can_train(
                classifier.variables, classifier.train_batch_norm
            )
        backbone, memory = self.backbone, classifier.memory
        if backbone.frozen and memory is not None and len(memory):
            # One by one, each number of missing ones would be compiled anew.
            backbone.student_inputs(memory.readable()[0])
        if self.validation is not None:
            self._validation_inputs = backbone.student_inputs(self.validation.x)
        self.statistics = RunningStatistics(self.classifier, backbone)

    def predict(self):
        return self.predicted(self._validation_inputs)

    def train(self):
        return learner_of(self.classifier.head)(
            self.classifier,
            self.backbone,
            iter(self.stream),
            self.statistics,
            self.options,
        )

    def update_memory(self):
        self.statistics.flush()
        classifier = self.classifier
        classifier.label_space = classifier.label_space.renewed(
            self.stream.classes
        )
        classifier.num_phases += 1
        classifier.statistics = self.backbone.valid_statistics(
            self.statistics.value
        )
        classifier.deviations = (
            self.statistics.deviations
            if len(classifier.statistics)
            else classifier.deviations.emptied()
        )

    def report(self, before, after):
        memory, stream = self.classifier.memory, self.stream
        known = len(self.known_classes)
        return PhaseReport(
            classes=stream.classes,
            new_classes=stream.classes[known:],
            phase_classes=tuple(
                stream.classes[i] for i in sorted(stream.shown)
            ),
            **self._measured(before, after),
            **self.common_fields(),
            used={
                "method": self.description,
                "new samples": stream.num_samples,
                "batches": stream.num_batches,
                "exemplars": 0 if memory is None else len(memory),
                "training mode": self.training_mode,
            },
        )

    def _measured(self, before, after):
        """Returns accuracies on validation samples whose class arrived."""
        classes = self.stream.classes
        if self.validation is None:
            return self.measure(None, before, after, classes)
        rows, labels = arrived(self.validation, classes)
        measured = self.measure(
            labels, before[rows], after[rows], classes, rows
        )
        if "flips" in measured:
            measured["flips"] = rows[measured["flips"]]
        return measured


class _CheckedBatches:
    """Checks batches as they pass, and counts what they were."""

    def __init__(self, batches, classifier, bar):
        self.num_batches = self.num_samples = 0
        self.shown = set()
        self.classes = classifier.classes
        self._batches = batches
        self._classifier = classifier
        self._bar = bar

    def __iter__(self):
        for samples in self._batches:
            yield checks.compatible(samples, self._classifier)
            self.num_batches += 1
            self.num_samples += len(samples.labels)
            self.shown.update(samples.labels.tolist())
            self.classes = samples.classes
            self._bar.update(self.num_batches)
