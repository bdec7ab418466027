"""Calls of an `IncrementalClassifier` that change it, atomically."""

from keras import ops

from keras_incremental.conversion.batch_norm import freeze_batch_norm
from keras_incremental.conversion.batch_norm import unchanged_statistics
from keras_incremental.conversion.other_outputs import check_others
from keras_incremental.memory.reservoir import Reservoir
from keras_incremental.models.data_warnings import warn_of_pixel_range
from keras_incremental.models.data_warnings import warn_of_wrong_order
from keras_incremental.models.inputs.checks import check_one_shape
from keras_incremental.models.memory_update import adapt_readout
from keras_incremental.models.memory_update import imprint
from keras_incremental.models.memory_update import keep_exemplars
from keras_incremental.models.memory_update import offer_remembered
from keras_incremental.models.phases.solvable import is_default
from keras_incremental.models.run import AFTER
from keras_incremental.models.run import BEFORE
from keras_incremental.models.run import FEATURES
from keras_incremental.models.run import MEMORY
from keras_incremental.models.run import TRAINING
from keras_incremental.models.transaction import changing
from keras_incremental.models.transaction import check_finite
from keras_incremental.models.unknown.estimate import keep_deviations
from keras_incremental.problems.decoders import predictions_of
from keras_incremental.reporting.record import PhaseRecord
from keras_incremental.utils import state
from keras_incremental.utils.compilation import recompile
from keras_incremental.utils.compilation import warn_of_lowered_rate
from keras_incremental.utils.long_progress import shown


def run_if_accepted(run):
    """Runs a phase or a stream, and keeps it if the gate accepts.

    Any exception, also of a callback, leaves the classifier as it was.

    Args:
        run: `Run`.

    Returns:
        The `PhaseReport`.
    """
    classifier, known = run.classifier, run.known_classes
    with (
        shown(run.options.verbose),
        changing(classifier, run.num_new_classes) as transaction,
    ):
        _check_known(classifier, run)
        report = run_steps(run)
        check_finite(classifier)
        if report.accepted:
            if report.new_classes:
                warn_of_lowered_rate(classifier)
            _make_ready(classifier, transaction.snapshot, report.new_classes)
            record = PhaseRecord.of(report)
            classifier.phases = (*classifier.phases, record)
        for callback in run.callbacks:
            callback.on_phase_end(report)
        if classifier.problem.scorer.has_confusion:
            warn_of_wrong_order(known, report.confusion_before)
        if report.accepted:
            classifier.previous = transaction.snapshot.to_go_back_to()
        else:
            transaction.undo()
    return report


def run_steps(run):
    """Takes the six steps of a phase or of a stream.

    1. `read`: samples become features where the backbone is frozen.
    2. `predict`: validation samples, before.
    3. `train`: the head grows and learns.
    4. `update_memory`: exemplars and statistics are kept.
    5. `predict`: validation samples, after.
    6. `report`: what changed, and whether the gate accepts it.

    Args:
        run: `Run`.

    Returns:
        A `PhaseReport`.
    """
    make_ready_to_fit(run.classifier)
    run.backbone = run.classifier.backbone
    for callback in run.callbacks:
        callback.on_phase_begin(run)
    run.progress(FEATURES)
    run.read()
    run.progress(BEFORE)
    before = run.predict()
    run.progress(TRAINING, run.description)
    with unchanged_statistics(run.classifier):
        run.history = run.train()
    run.progress(MEMORY)
    run.update_memory()
    run.progress(AFTER)
    return run.report(before, run.predict())


def _check_known(classifier, run):
    """Raises if another thread was faster."""
    if run.known_classes != classifier.classes:
        raise RuntimeError(
            "Another thread has changed the classes while the samples were "
            f"read. Received: {list(run.known_classes)} then, "
            f"{list(classifier.classes)} now. Call again."
        )


def remember(classifier, samples, batch_size=32, verbose=0):
    """Keeps exemplars and the means of features, without training."""
    check_can_keep(classifier)
    _check_can_replay(classifier, samples)
    warn_of_pixel_range(classifier, samples)
    with shown(verbose), changing(classifier):
        backbone = classifier.backbone
        inputs = backbone.student_inputs(samples.x, batch_size=batch_size)
        features = backbone.features_of(inputs)
        confusion = _confusion(classifier, features, samples)
        statistics = classifier.statistics.updated(features, samples.labels)
        classifier.statistics = backbone.valid_statistics(statistics)
        keep_deviations(classifier, features, samples.labels)
        streams = isinstance(classifier.memory, Reservoir)
        keep = offer_remembered if streams else keep_exemplars
        keep(classifier, backbone, samples, inputs)
        imprint(classifier, backbone, features, samples.labels)
        classifier.head.update_state(features, samples.labels)
        classifier.head.finalize_state()
        adapt_readout(classifier, backbone, samples)
        warn_of_wrong_order(classifier.classes, confusion)


def check_can_keep(classifier):
    """Raises if nothing of old samples would ever be used.

    A recipe that was chosen may use none, by what it is.
    """
    moves = classifier.backbone.is_trainable
    if not moves or classifier.memory is not None:
        return
    if not is_default(classifier.recipe):
        return
    trainable = [v.path for v in classifier.features.trainable_variables]
    raise ValueError(
        "`remember` would keep nothing: there is no memory for samples, and "
        "statistics are not valid after the layers below the head train. "
        "Received: "
        f"memory=None and trainable weights below the head, {trainable[:3]}. "
        "Pass `memory=ExemplarMemory(2000)`, or freeze these layers before."
    )


def _check_can_replay(classifier, samples):
    """Raises if exemplars of some shapes could never be in one batch."""
    memory, backbone = classifier.memory, classifier.backbone
    if memory is None or not memory.is_replayed:
        return
    # Where nothing is cached, a recipe that trains the head reads samples.
    reads = backbone.frozen is None and not is_default(classifier.recipe)
    trains = backbone.is_trainable or memory.augmentation is not None
    if not (trains or reads) or classifier.head.is_closed_form:
        return
    shapes = [samples.x.shape[1:]] + [memory.sample_shape] * bool(len(memory))
    check_one_shape(backbone, *shapes, augmentation=memory.augmentation)


def accuracy_by_class(classifier, samples, batch_size=32, verbose=0):
    """Returns scores by name, of the classes that samples show."""
    problem = classifier.problem
    with shown(verbose):
        outputs = classifier.predict_scores(samples.x, batch_size)
    outputs = problem.decoder.resize(outputs, samples.labels)
    predictions = predictions_of(classifier, outputs, classifier.gives_logits)
    size = len(samples.classes)
    if problem.scorer.has_confusion:
        confusion = problem.scorer.confusion(
            samples.labels, predictions, size, size
        )
        warn_of_wrong_order(samples.classes, confusion)
    values = problem.scorer.class_scores(samples.labels, predictions, size)
    return {samples.classes[i]: float(values[i]) for i in samples.shown}


def _confusion(classifier, features, samples):
    """Returns the confusion of a head as it was adopted, or `None`."""
    head, scorer = classifier.head, classifier.problem.scorer
    adopted = not (head.is_closed_form or classifier.awaits_imprinting)
    if not adopted or not scorer.has_confusion or samples.labels.ndim != 1:
        return None
    size = len(classifier.classes)
    predictions = ops.convert_to_numpy(head(features)).argmax(-1)
    return scorer.confusion(samples.labels, predictions, size, size)


def make_ready_to_fit(classifier):
    """Keeps BatchNormalization in inference mode during `fit`."""
    if classifier.others is not None:
        check_others(classifier)
    if freeze_batch_norm(classifier):
        recompile(classifier)


def rollback(classifier):
    """Restores the state before the last accepted phase."""
    if classifier.previous is None:
        raise ValueError(
            f"{type(classifier).__name__} has no phase to go back to. It "
            "keeps one, in memory, since it was made or loaded. Save it by "
            "`save(path, keep_snapshots=3)` to go back further, by "
            "`models.rollback_file(path)`."
        )
    with changing(classifier):
        classifier.previous.value.go_back()


def _make_ready(classifier, snapshot, new_classes):
    if new_classes:
        snapshot.compilation.apply()
    else:
        state.forget_compiled(classifier)
