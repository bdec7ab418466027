"""A stream: what `IncrementalClassifier.observe` does, step by step."""

import time

import keras

from keras_incremental.models.adoption.batch_norm import freeze_batch_norm
from keras_incremental.models.adoption.batch_norm import unchanged_statistics
from keras_incremental.models.lessons import door
from keras_incremental.models.lessons.lesson import Lesson
from keras_incremental.models.reports import measuring
from keras_incremental.models.reports.report import PhaseReport
from keras_incremental.models.streams.learners import Gathered
from keras_incremental.models.streams.learners import learner_of
from keras_incremental.models.streams.lessons import arrived


def run_stream(classifier, lessons, judges, options):
    """Learns a stream, batch after batch, and measures what that changed.

    The transaction around undoes if it must.

    Args:
        classifier: `IncrementalClassifier`.
        lessons: Iterator of `Lesson`, not checked against the classifier.
        judges: `Lesson` to measure on, or `None`; its names may not have
            arrived.
        options: `Options`.

    Returns:
        A `PhaseReport`, not judged yet.
    """
    started = time.perf_counter()
    known, memory = classifier.classes, classifier.memory
    freeze_batch_norm(classifier)
    trunk = classifier.trunk()
    if trunk.frozen and memory is not None and len(memory):
        # One by one, each number of missing ones would be compiled anew.
        trunk.inputs_for(memory.arrays()[0])
    judged = judges and trunk.inputs_for(judges.pictures)
    was = measuring.predicted(classifier, trunk, judged)
    stream = _Observed(lessons, classifier, options.verbose)
    gathered = Gathered(classifier, trunk)
    with unchanged_statistics(classifier):
        history = learner_of(classifier.head)(
            classifier, trunk, iter(stream), gathered, options
        )
    gathered.flush()
    classifier.set_knowledge(
        classifier.ontology.renewed(stream.names),
        classifier.phases + 1,
        trunk.lasting(gathered.statistics),
    )
    now = measuring.predicted(classifier, trunk, judged)
    return PhaseReport(
        classes=stream.names,
        new_classes=stream.names[len(known) :],
        taught_classes=tuple(stream.names[i] for i in sorted(stream.taught)),
        **_measured(judges, stream.names, known, was, now),
        **measuring.kept(classifier),
        used={
            "method": _words(classifier),
            "new pictures": stream.pictures,
            "batches": stream.batches,
            "exemplars": 0 if memory is None else len(memory),
            "road": "cached features" if trunk.frozen else "end to end",
        },
        seconds=time.perf_counter() - started,
        accepted=True,
        reason="",
        history=history,
    )


class _Observed:
    """Passes lessons on, checked, and remembers what they were."""

    def __init__(self, lessons, classifier, verbose):
        self.batches = self.pictures = 0
        self.taught = set()
        self.names = classifier.classes
        self._lessons = lessons
        self._classifier = classifier
        self._bar = keras.utils.Progbar(None, verbose=verbose)

    def __iter__(self):
        for lesson in self._lessons:
            yield door.fitted(lesson, self._classifier)
            self.batches += 1
            self.pictures += len(lesson.labels)
            self.taught.update(lesson.labels.tolist())
            self.names = lesson.names
            self._bar.update(self.batches)


def _measured(judges, names, known, was, now):
    """Accuracies on those validation pictures whose name has arrived."""
    summary = Lesson(None, None, names, names[len(known) :])
    if judges is None:
        return measuring.measure(summary, None, was, now)
    rows, labels = arrived(judges, names)
    measured = measuring.measure(
        summary, Lesson(None, labels, names), was[rows], now[rows]
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
