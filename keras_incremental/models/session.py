"""What an `IncrementalClassifier` does, each wholly or not at all."""

import dataclasses

import numpy as np
from keras import ops

from keras_incremental.layers.closed_form_head import ClosedFormHead
from keras_incremental.memory.reservoir import Reservoir
from keras_incremental.models.conversion.batch_norm import freeze_batch_norm
from keras_incremental.models.memory_update import adapt_readout
from keras_incremental.models.memory_update import imprint
from keras_incremental.models.memory_update import keep_exemplars
from keras_incremental.models.phases.phase import run_phase
from keras_incremental.models.phases.tuning import run_tuned
from keras_incremental.models.problems.decoders import predictions_of
from keras_incremental.models.streams.steps import remember_in_stream
from keras_incremental.models.streams.stream import run_stream
from keras_incremental.models.transaction import Transaction
from keras_incremental.utils import state


def learn(classifier, samples, validation, auxiliary, gate, options):
    """Learns a samples if the gate accepts what that changes.

    Returns:
        A `PhaseReport`.
    """

    run_it = run_phase if options.tune is None else run_tuned

    def run():
        return run_it(classifier, samples, validation, auxiliary, options)

    report = _if_accepted(classifier, gate, run)
    for callback in options.callbacks:
        if hasattr(callback, "on_phase_end"):
            callback.on_phase_end(report)
    return report


def observe(classifier, batches, judges, gate, options):
    """Learns a stream if the gate accepts what that changes.

    Returns:
        A `PhaseReport`.
    """

    def run():
        return run_stream(classifier, batches, judges, options)

    return _if_accepted(classifier, gate, run)


def _streams(classifier):
    return isinstance(classifier.memory, Reservoir)


def _if_accepted(classifier, gate, run):
    with Transaction(classifier) as transaction:
        make_ready_to_fit(classifier)
        report = run()
        _check_finite(classifier.trainable_variables)
        accepted, reason = gate.judge(report.drop, report.class_drops)
        if accepted:
            _make_ready(classifier, report.new_classes)
    if accepted:
        classifier.previous = state.Untracked(transaction.snapshot)
    else:
        transaction.undo()
    return dataclasses.replace(report, accepted=accepted, reason=reason)


def remember(classifier, samples, batch_size=32):
    """Takes exemplars and the means of features, without training."""
    with Transaction(classifier):
        backbone = classifier.backbone()
        inputs = backbone.student_inputs(
            samples.pictures, batch_size=batch_size
        )
        statistics = classifier.statistics.updated(
            backbone.features_of(inputs), samples.labels
        )
        classifier.set_knowledge(
            classifier.label_space,
            classifier.phases,
            backbone.valid_statistics(statistics),
        )
        keep = remember_in_stream if _streams(classifier) else keep_exemplars
        keep(classifier, backbone, samples)
        imprint(
            classifier, backbone, backbone.features_of(inputs), samples.labels
        )
        if isinstance(classifier.head, ClosedFormHead):
            classifier.head.adapt(backbone.features_of(inputs), samples.labels)
        adapt_readout(classifier, backbone, samples)


def accuracy_by_class(classifier, samples, batch_size=32):
    """Scores, by name, of the classes that a samples shows."""
    outputs = classifier.predict(samples.pictures, batch_size, verbose=0)
    problem = classifier.problem
    outputs = problem.decoder.resize(outputs, samples.labels)
    predictions = predictions_of(
        classifier, outputs, classifier.activation is None
    )
    values = problem.scorer.class_scores(
        samples.labels, predictions, len(samples.names)
    )
    return {samples.names[i]: float(values[i]) for i in samples.phase_classes}


def make_ready_to_fit(classifier):
    """Lets `fit` train what is trainable, and move no statistic."""
    if freeze_batch_norm(classifier):
        state.recompile(classifier, state.compile_config(classifier))


def rollback(classifier):
    """Goes back to before the last accepted phase."""
    if classifier.previous is None:
        raise ValueError(
            f"{type(classifier).__name__} has no phase to go back to. It "
            "keeps one, in memory, since it was made or loaded. Save a file "
            "after each phase to go back further."
        )
    classifier.previous.value.restore(classifier)
    classifier.previous = None


def _check_finite(variables):
    diverged = [
        variable.path
        for variable in variables
        if not np.isfinite(ops.convert_to_numpy(variable)).all()
    ]
    if diverged:
        raise RuntimeError(
            f"Training diverged: {diverged} are not finite, so nothing "
            "has been changed. Pass an `optimizer` with a lower learning rate, "
            "or look for extreme values in `x`."
        )


def _make_ready(classifier, new_classes):
    if new_classes:
        state.recompile(classifier, state.compile_config(classifier))
    else:
        state.forget_compiled(classifier)
