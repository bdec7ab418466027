"""The engine of `learn` and of `observe`: the six steps of a run."""

from keras_incremental.conversion.batch_norm import freeze_batch_norm
from keras_incremental.conversion.batch_norm import unchanged_statistics
from keras_incremental.conversion.other_outputs import check_others
from keras_incremental.models.run import AFTER
from keras_incremental.models.run import BEFORE
from keras_incremental.models.run import FEATURES
from keras_incremental.models.run import MEMORY
from keras_incremental.models.run import TRAINING
from keras_incremental.models.run import Run
from keras_incremental.reporting.report import PhaseReport


def run_steps(run: Run) -> PhaseReport:
    """Runs the six steps of a phase or of a stream.

    1. `read`: samples become features where the backbone is frozen.
    2. `predict`: validation samples, before.
    3. `train`: the head grows and learns.
    4. `update_memory`: exemplars and statistics are kept.
    5. `predict`: validation samples, after.
    6. `report`: what changed.

    Args:
        run: `Run`.

    Returns:
        A `PhaseReport` that the gate has not judged yet.
    """
    check_others(run.classifier)
    freeze_batch_norm(run.classifier)
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
