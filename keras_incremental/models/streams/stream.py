"""A stream: what `IncrementalClassifier.observe` does, step by step."""

import time

import keras

from keras_incremental.models.conversion.batch_norm import freeze_batch_norm
from keras_incremental.models.conversion.batch_norm import unchanged_statistics
from keras_incremental.models.inputs import checks
from keras_incremental.models.inputs.samples import Samples
from keras_incremental.models.reports import measuring
from keras_incremental.models.reports.report import PhaseReport
from keras_incremental.models.streams.steps import Gathered
from keras_incremental.models.streams.steps import learner_of
from keras_incremental.models.streams.stream_samples import arrived


def run_stream(classifier, batches, judges, options):
    """Learns a stream, batch after batch, and measures what that changed.

    The transaction around undoes if it must.

    Args:
        classifier: `IncrementalClassifier`.
        batches: Iterator of `Samples`, not checked against the classifier.
        judges: `Samples` to measure on, or `None`; its names may not have
            arrived.
        options: `Options`.

    Returns:
        A `PhaseReport`, not judged yet.
    """
    started = time.perf_counter()
    known, memory = classifier.classes, classifier.memory
    freeze_batch_norm(classifier)
    backbone = classifier.backbone()
    if backbone.frozen and memory is not None and len(memory):
        # One by one, each number of missing ones would be compiled anew.
        backbone.student_inputs(memory.arrays()[0])
    judged = judges and backbone.student_inputs(judges.pictures)
    was = measuring.predicted(classifier, backbone, judged)
    stream = _Observed(batches, classifier, options.verbose)
    gathered = Gathered(classifier, backbone)
    with unchanged_statistics(classifier):
        history = learner_of(classifier.head)(
            classifier, backbone, iter(stream), gathered, options
        )
    gathered.flush()
    classifier.set_knowledge(
        classifier.label_space.renewed(stream.names),
        classifier.phases + 1,
        backbone.valid_statistics(gathered.statistics),
    )
    now = measuring.predicted(classifier, backbone, judged)
    return PhaseReport(
        classes=stream.names,
        new_classes=stream.names[len(known) :],
        phase_classes=tuple(
            stream.names[i] for i in sorted(stream.phase_classes)
        ),
        **_measured(judges, stream.names, known, was, now),
        **measuring.kept(classifier),
        used={
            "method": _words(classifier),
            "new pictures": stream.pictures,
            "batches": stream.batches,
            "exemplars": 0 if memory is None else len(memory),
            "training mode": "cached features"
            if backbone.frozen
            else "end to end",
        },
        seconds=time.perf_counter() - started,
        accepted=True,
        reason="",
        history=history,
    )


class _Observed:
    """Passes batches on, checked, and remembers what they were."""

    def __init__(self, batches, classifier, verbose):
        self.batches = self.pictures = 0
        self.phase_classes = set()
        self.names = classifier.classes
        self._lessons = batches
        self._classifier = classifier
        self._bar = keras.utils.Progbar(None, verbose=verbose)

    def __iter__(self):
        for samples in self._lessons:
            yield checks.fitted(samples, self._classifier)
            self.batches += 1
            self.pictures += len(samples.labels)
            self.phase_classes.update(samples.labels.tolist())
            self.names = samples.names
            self._bar.update(self.batches)


def _measured(judges, names, known, was, now):
    """Accuracies on those validation pictures whose name has arrived."""
    summary = Samples(None, None, names, names[len(known) :])
    if judges is None:
        return measuring.measure(summary, None, was, now)
    rows, labels = arrived(judges, names)
    measured = measuring.measure(
        summary, Samples(None, labels, names), was[rows], now[rows]
    )
    return {**measured, "flips": rows[measured["flips"]]}


def _words(classifier):
    recipe, memory = classifier.recipe, classifier.memory
    if memory is None:
        kept = "no exemplars"
    else:
        kept = f"replay of a {memory.policy} reservoir"
    terms = recipe.terms if isinstance(recipe.terms, tuple) else ()
    names = [type(term).__name__ for term in terms]
    return ", ".join([recipe.name, "stream", kept, *names])
