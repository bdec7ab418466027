"""A stream: a run of `observe` over batches that come and go."""

import keras

from keras_incremental.models.inputs import checks
from keras_incremental.models.reports import measuring
from keras_incremental.models.reports.report import PhaseReport
from keras_incremental.models.run import Run
from keras_incremental.models.streams.steps import RunningStatistics
from keras_incremental.models.streams.steps import learner_of
from keras_incremental.models.streams.stream_reading import arrived


class StreamRun(Run):
    """A run over a stream, in which each batch is seen once.

    Args:
        classifier: `IncrementalClassifier`.
        batches: Iterator of `Samples`, not checked against the classifier.
        validation: `Samples` to measure on, or `None`; their classes may not
            have arrived.
        options: `FitOptions`.
    """

    def __init__(self, classifier, batches, validation, options):
        super().__init__(classifier, validation, options)
        self.stream = _CheckedBatches(batches, classifier, options.verbose)
        self.statistics = None
        self._validation_inputs = None

    @property
    def description(self):
        recipe, memory = self.classifier.recipe, self.classifier.memory
        kept = "no exemplars"
        if memory is not None:
            kept = f"replay of a {memory.policy} reservoir"
        terms = recipe.terms if isinstance(recipe.terms, tuple) else ()
        names = [type(term).__name__ for term in terms]
        return ", ".join([recipe.name, "stream", kept, *names])

    def read(self):
        backbone, memory = self.backbone, self.classifier.memory
        if backbone.frozen and memory is not None and len(memory):
            # One by one, each number of missing ones would be compiled anew.
            backbone.student_inputs(memory.arrays()[0])
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
            **measuring.kept(self.classifier),
            used={
                "method": self.description,
                "new samples": stream.num_samples,
                "batches": stream.num_batches,
                "exemplars": 0 if memory is None else len(memory),
                "training mode": self.training_mode,
            },
            seconds=self.seconds,
            stages=self.progress.seconds,
            accepted=True,
            reason="",
            history=self.history,
        )

    def _measured(self, before, after):
        """Returns accuracies on validation samples whose class arrived."""
        classes = self.stream.classes
        if self.validation is None:
            return self.measure(None, before, after, classes)
        rows, labels = arrived(self.validation, classes)
        measured = self.measure(labels, before[rows], after[rows], classes)
        if "flips" in measured:
            measured["flips"] = rows[measured["flips"]]
        return measured


class _CheckedBatches:
    """Checks batches as they pass, and counts what they were."""

    def __init__(self, batches, classifier, verbose):
        self.num_batches = self.num_samples = 0
        self.shown = set()
        self.classes = classifier.classes
        self._batches = batches
        self._classifier = classifier
        self._bar = keras.utils.Progbar(None, verbose=verbose)

    def __iter__(self):
        for samples in self._batches:
            yield checks.compatible(samples, self._classifier)
            self.num_batches += 1
            self.num_samples += len(samples.labels)
            self.shown.update(samples.labels.tolist())
            self.classes = samples.classes
            self._bar.update(self.num_batches)
