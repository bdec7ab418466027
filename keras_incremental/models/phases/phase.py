"""One phase: what `IncrementalClassifier.learn` does, step by step."""

import time

from keras_incremental.models import keeping
from keras_incremental.models.adoption.batch_norm import freeze_batch_norm
from keras_incremental.models.adoption.batch_norm import unchanged_statistics
from keras_incremental.models.phases.inputs import read
from keras_incremental.models.phases.inputs import with_held_out
from keras_incremental.models.phases.inputs import with_old_classes
from keras_incremental.models.phases.learners import learner_of
from keras_incremental.models.phases.plan import make_plan
from keras_incremental.models.phases.stages import Stages
from keras_incremental.models.recipe import MEMORY
from keras_incremental.models.reports import measuring
from keras_incremental.models.reports.report import PhaseReport

FEATURES, TRAINING, EXEMPLARS = "features", "training", "exemplars"
BEFORE, AFTER = "evaluation before", "evaluation after"
STAGES = (FEATURES, BEFORE, TRAINING, EXEMPLARS, AFTER)


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
    freeze_batch_norm(classifier)
    trunk = classifier.trunk(options.cache_features)
    stages = Stages(options.verbose, _stages(classifier, validation))
    stages(FEATURES)
    first_kept = classifier.recipe.trains_on == MEMORY
    if first_kept:
        keeping.keep_exemplars(classifier, trunk, lesson, options.verbose)
    inputs = read(
        trunk,
        classifier.memory,
        lesson,
        validation,
        auxiliary,
        options,
        keeping.stores_logits(classifier.recipe),
    )
    kind = classifier.kind
    statistics = kind.statistics(classifier.statistics, trunk, inputs)
    inputs = with_old_classes(classifier, inputs, lesson, trunk)
    inputs = kind.with_candidates(
        classifier,
        inputs,
        lesson,
        lambda samples: measuring.outputs_for(classifier, trunk, samples),
    )
    inputs, risks = kind.settled(inputs, lesson)
    plan = make_plan(classifier, lesson, trunk, inputs, statistics, options)
    plan = plan.beside(risks)
    inputs = with_held_out(
        inputs, _held_out_share(plan), classifier.seed + classifier.phases
    )
    judged = inputs.validation, inputs.validation_labels
    measured = (classifier, trunk, *judged, options.verbose)
    stages(BEFORE)
    was = measuring.predicted(*measured)
    stages(TRAINING, plan.words)
    with unchanged_statistics(classifier):
        history = learner_of(classifier.head)(
            classifier, trunk, inputs, plan, options
        )
    classifier.set_knowledge(
        lesson.ontology(classifier),
        classifier.phases + 1,
        trunk.lasting(kind.lasting(statistics)),
    )
    stages(EXEMPLARS)
    if not first_kept:
        keeping.keep_exemplars(classifier, trunk, lesson, options.verbose)
    keeping.adapt_readout(classifier, trunk, lesson)
    stages(AFTER)
    now = measuring.predicted(*measured)
    return PhaseReport(
        classes=lesson.names,
        new_classes=lesson.new_names,
        taught_classes=tuple(lesson.names[i] for i in lesson.taught),
        **measuring.measure(lesson, validation, was, now),
        **measuring.kept(classifier),
        used={
            "method": plan.words,
            "new pictures": len(lesson.labels),
            "exemplars": inputs.num_exemplars,
            "road": "cached features" if trunk.frozen else "end to end",
            "epochs": len(history.get("loss", ())),
        },
        seconds=time.perf_counter() - started,
        stages=stages.seconds,
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


def _stages(classifier, validation):
    """Names of the stages that a phase will have."""
    measures = validation is not None
    has = {BEFORE: measures, AFTER: measures}
    has[EXEMPLARS] = classifier.memory is not None
    return [name for name in STAGES if has.get(name, True)]
