"""Checks of what the callbacks of `contrib` are used for."""

from keras_incremental.callbacks.phase_callback import PhaseCallback
from keras_incremental.models.phases.phase import PhaseRun
from keras_incremental.models.run import Run
from keras_incremental.problems.problem import SINGLE_LABEL


def check_single_label_phase(callback: PhaseCallback, run: Run) -> None:
    """Raises unless a run is a phase of samples with one label each.

    Args:
        callback: `PhaseCallback` that takes part.
        run: `Run`.
    """
    problem = run.classifier.problem
    if not isinstance(run, PhaseRun) or problem is not SINGLE_LABEL:
        raise ValueError(
            f"{type(callback).__name__} needs `learn`, and samples with one "
            f"label each. Received: a {type(run).__name__} of a classifier "
            f"for {problem.name}. Use another recipe."
        )
