"""One phase: what `IncrementalClassifier.learn` does, step by step."""

import time

from keras_incremental.models import keeping
from keras_incremental.models import measuring
from keras_incremental.models.batch_norm import freeze_batch_norm
from keras_incremental.models.batch_norm import unchanged_statistics
from keras_incremental.models.inputs import read
from keras_incremental.models.inputs import with_held_out
from keras_incremental.models.inputs import with_old_classes
from keras_incremental.models.learners import learner_of
from keras_incremental.models.plan import make_plan
from keras_incremental.models.recipe import MEMORY
from keras_incremental.models.report import PhaseReport


def run_phase(classifier, lesson, validation, auxiliary, options):
    """Learns a lesson, and measures what that changed.

    The door has checked before, and the transaction around undoes if it must.

    Args:
        classifier: `IncrementalClassifier`.
        lesson: `Lesson`, the pictures to learn.
        validation: `Lesson` to measure on, or `None`.
        auxiliary: `Lesson` of pictures without labels, or `None`.
        options: `Options`.

    Returns:
        A `PhaseReport`, not judged yet.
    """
    started = time.perf_counter()
    say = _Stages(options.verbose, 3)
    freeze_batch_norm(classifier)
    trunk = classifier.trunk(options.cache_features)
    say("features" if trunk.frozen else "pictures")
    first_kept = classifier.recipe.trains_on == MEMORY
    if first_kept:
        keeping.keep_exemplars(classifier, trunk, lesson)
    inputs = read(
        trunk,
        classifier.memory,
        lesson,
        validation,
        auxiliary,
        options,
        keeping.stores_logits(classifier.recipe),
    )
    statistics = keeping.statistics_of(classifier, trunk, inputs)
    inputs = with_old_classes(classifier, inputs, lesson, trunk)
    plan = make_plan(classifier, lesson, trunk, inputs, statistics, options)
    inputs = with_held_out(
        inputs, _held_out_share(plan), classifier.seed + classifier.phases
    )
    say(f"training: {plan.words}")
    was = measuring.predicted(classifier, trunk, inputs.validation)
    with unchanged_statistics(classifier):
        history = learner_of(classifier.head)(
            classifier, trunk, inputs, plan, options
        )
    say("exemplars and evaluation")
    classifier.set_knowledge(
        lesson.names, classifier.phases + 1, trunk.lasting(statistics)
    )
    if not first_kept:
        keeping.keep_exemplars(classifier, trunk, lesson)
    keeping.adapt_readout(classifier, trunk, lesson)
    now = measuring.predicted(classifier, trunk, inputs.validation)
    return PhaseReport(
        classes=lesson.names,
        new_classes=lesson.new_names,
        taught_classes=tuple(lesson.names[i] for i in lesson.taught),
        **measuring.measure(lesson, validation, was, now),
        used={
            "method": plan.words,
            "new pictures": len(lesson.labels),
            "exemplars": inputs.num_exemplars,
            "road": "cached features" if trunk.frozen else "end to end",
            "epochs": len(history.get("loss", ())),
        },
        seconds=time.perf_counter() - started,
        accepted=True,
        reason="",
        history=history,
    )


def _held_out_share(plan):
    """The largest part of the pictures that a callback keeps for itself."""
    return max(
        (
            callback.validation_share
            for callback in (*plan.callbacks, plan.correction)
            if getattr(callback, "wants", "new") == "held_out"
            if callback.data is None
        ),
        default=0.0,
    )


class _Stages:
    """Names the stages of a phase, where the user wants to see them."""

    def __init__(self, verbose, count):
        self._verbose = verbose
        self._count = count
        self._done = 0

    def __call__(self, name):
        self._done += 1
        if self._verbose:
            print(f"[{self._done}/{self._count}] {name}")
