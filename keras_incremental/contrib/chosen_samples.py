"""Callbacks that choose the samples that a phase trains on."""

import numpy as np

from keras_incremental.callbacks.phase_callback import PhaseCallback
from keras_incremental.contrib.checks import check_single_label_phase
from keras_incremental.data.labels import NO_LABEL
from keras_incremental.models.phases.phase import PhaseRun
from keras_incremental.models.phases.phase_data import Inputs
from keras_incremental.utils.export import export


@export
class TrainOnExemplars(PhaseCallback):
    """Trains on exemplars alone, which the memory selects before.

    The new samples are offered to the memory first, so that there are
    exemplars of their classes too.
    """

    def on_phase_begin(self, run: PhaseRun) -> None:
        check_single_label_phase(self, run)
        if run.classifier.memory is None:
            raise ValueError(
                "TrainOnExemplars trains on exemplars. Received: "
                "memory=None. Give the recipe "
                "`memory=ExemplarMemory(2000)`."
            )
        run.keep_exemplars()

    def select_samples(self, inputs: Inputs) -> Inputs:
        return inputs.take(new=np.zeros(len(inputs.new_labels), bool))


@export
class TrainOnAuxiliary(PhaseCallback):
    """Trains on unlabeled samples alone, `auxiliary` in `learn`."""

    def on_phase_begin(self, run: PhaseRun) -> None:
        check_single_label_phase(self, run)
        if run.auxiliary is None:
            recipe = run.classifier.recipe.name
            raise ValueError(
                f"The recipe '{recipe}' trains on unlabeled samples. "
                "Received: auxiliary=None. Pass samples that look like those "
                "of old and new classes in `auxiliary`."
            )

    def select_samples(self, inputs: Inputs) -> Inputs:
        return inputs.take(
            new=inputs.new_labels == NO_LABEL,
            old=np.zeros(len(inputs.old_labels), bool),
        )
