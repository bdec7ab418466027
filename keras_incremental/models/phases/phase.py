"""One phase: what `IncrementalClassifier.learn` does, step by step."""

import time

from keras_incremental.models import memory_update
from keras_incremental.models.conversion.batch_norm import freeze_batch_norm
from keras_incremental.models.conversion.batch_norm import unchanged_statistics
from keras_incremental.models.phases.closed_form import learner_of
from keras_incremental.models.phases.phase_data import read
from keras_incremental.models.phases.phase_data import with_held_out
from keras_incremental.models.phases.phase_data import with_old_classes
from keras_incremental.models.phases.plan import make_plan
from keras_incremental.models.phases.progress import Progress
from keras_incremental.models.recipe import MEMORY
from keras_incremental.models.reports import measuring
from keras_incremental.models.reports.report import PhaseReport

FEATURES, TRAINING, EXEMPLARS = "features", "training", "exemplars"
BEFORE, AFTER = "evaluation before", "evaluation after"
STAGES = (FEATURES, BEFORE, TRAINING, EXEMPLARS, AFTER)


def run_phase(classifier, samples, validation, auxiliary, options):
    """Learns a samples, and measures what that changed.

    The door has checked before, and the transaction around undoes if it must.

    Args:
        classifier: `IncrementalClassifier`.
        samples: `Samples`, the pictures to learn.
        validation: `Samples` to measure on, or `None`.
        auxiliary: `Samples` of pictures without labels, or `None`.
        options: `Options`.

    Returns:
        A `PhaseReport`, not judged yet.
    """
    started = time.perf_counter()
    freeze_batch_norm(classifier)
    backbone = classifier.backbone(options.cache_features)
    stages = Progress(options.verbose, _stages(classifier, validation))
    stages(FEATURES)
    first_kept = classifier.recipe.trains_on == MEMORY
    if first_kept:
        memory_update.keep_exemplars(
            classifier, backbone, samples, options.verbose
        )
    inputs = read(
        backbone,
        classifier.memory,
        samples,
        validation,
        auxiliary,
        options,
        memory_update.stores_logits(classifier.recipe),
    )
    objective = classifier.problem.objective
    statistics, kept = objective.statistics(
        classifier.statistics, backbone, inputs
    )
    inputs = with_old_classes(classifier, inputs, samples, backbone)
    inputs, risks = objective.resolve_labels(
        classifier,
        inputs,
        samples,
        lambda samples: measuring.outputs_for(classifier, backbone, samples),
    )
    plan = make_plan(classifier, samples, backbone, inputs, statistics, options)
    plan = plan.beside(risks)
    inputs = with_held_out(
        inputs, _held_out_share(plan), classifier.seed + classifier.phases
    )
    judged = inputs.validation, inputs.validation_labels
    measured = (classifier, backbone, *judged, options.verbose)
    stages(BEFORE)
    was = measuring.predicted(*measured)
    stages(TRAINING, plan.description)
    with unchanged_statistics(classifier):
        history = learner_of(classifier.head)(
            classifier, backbone, inputs, plan, options
        )
    classifier.set_knowledge(
        samples.label_space(classifier),
        classifier.phases + 1,
        backbone.valid_statistics(kept),
    )
    stages(EXEMPLARS)
    if not first_kept:
        memory_update.keep_exemplars(
            classifier, backbone, samples, options.verbose
        )
    memory_update.adapt_readout(classifier, backbone, samples)
    stages(AFTER)
    now = measuring.predicted(*measured)
    return PhaseReport(
        classes=samples.names,
        new_classes=samples.new_classes,
        phase_classes=tuple(samples.names[i] for i in samples.phase_classes),
        **measuring.measure(samples, validation, was, now),
        **measuring.kept(classifier),
        used={
            "method": plan.description,
            "new pictures": len(samples.labels),
            "exemplars": inputs.num_exemplars,
            "training mode": "cached features"
            if backbone.frozen
            else "end to end",
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
            for callback in (*plan.callbacks, plan.bias_correction)
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
