import dataclasses
from collections.abc import Sequence

import keras
import numpy as np

from keras_incremental.callbacks.phase_callback import PhaseCallback
from keras_incremental.contrib.checks import check_single_label_phase
from keras_incremental.data.labels import NO_LABEL
from keras_incremental.distillation.term import Term
from keras_incremental.layers.expandable_dense import ExpandableDense
from keras_incremental.losses import CandidateSetCrossentropy
from keras_incremental.memory.policies import Concatenate
from keras_incremental.models.phases.fit import make_fit
from keras_incremental.models.phases.phase import PhaseRun
from keras_incremental.models.phases.phase_data import Inputs
from keras_incremental.models.student import Student
from keras_incremental.models.student import teacher_of
from keras_incremental.reporting.report import PhaseReport
from keras_incremental.utils.export import export
from keras_incremental.utils.phase import Phase
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor


@export
class ExpertTeacher(PhaseCallback):
    """Trains a second teacher before a phase, which knows only new classes.

    The expert is a copy of the network with a head for the new classes. It
    is trained on their samples and on unlabeled ones. Its logits are the
    output `"expert"` of the teacher, which `DoubleDistillation` and
    `GlobalDistillation` read.

    Args:
        terms: Sequence of `Term`s that need no teacher, added to the loss of
            the expert. Defaults to `()`.
    """

    trains_on_samples = True

    def __init__(self, terms: Sequence[Term] = ()):
        super().__init__()
        self.terms = tuple(terms)
        self._expert: Student | None = None

    def on_phase_begin(self, run: PhaseRun) -> None:
        check_single_label_phase(self, run)

    def on_phase_train_begin(self, run: PhaseRun) -> None:
        self._expert = train_expert(run, self.terms)

    def teacher_outputs(self, inputs: Tensor) -> dict[str, Tensor]:
        if self._expert is None:
            return {}
        return {"expert": self._expert(inputs, training=False)}

    def on_phase_end(self, report: PhaseReport) -> None:
        self._expert = None

    def get_config(self) -> Config:
        serialize = keras.saving.serialize_keras_object
        return {"terms": [serialize(term) for term in self.terms]}

    @classmethod
    def from_config(cls, config: Config) -> "ExpertTeacher":
        deserialize = keras.saving.deserialize_keras_object
        return cls([deserialize(term) for term in config["terms"]])


def train_expert(run: PhaseRun, terms: Sequence[Term] = ()) -> Student:
    """Trains a copy of the network on the new classes only.

    Args:
        run: `PhaseRun` that has read its samples.
        terms: Sequence of `Term`s, added to the loss.

    Returns:
        `Student` with one output for each new class.

    Raises:
        ValueError: if the phase has no new classes.
    """
    phase, inputs = run.plan.phase, run.inputs
    if not phase.num_new:
        raise ValueError(
            f"The recipe '{run.plan.recipe.name}' first trains a network for "
            "the new classes. Received: samples of known classes only. Learn "
            "these with a classifier that has another recipe."
        )
    network = Student(run.backbone.upper, run.classifier.head)
    head = ExpandableDense(phase.num_new, kernel_initializer="zeros")
    head.build((None, network.head.input_dim))
    expert = Student(
        teacher_of(network).upper,
        head,
        terms=[(t.factor(phase), t.for_phase(phase)) for t in terms],
        coordinates=run.plan.coordinates,
    )
    fit = dataclasses.replace(
        make_fit(run, head),
        loss=CandidateSetCrossentropy(ignore_class=NO_LABEL),
        label_weight=1.0,
        label_weights=None,
        policy=Concatenate(),
    )
    fit.run(expert, samples_of(inputs, phase), "expert for the new classes")
    return expert


def samples_of(inputs: Inputs, phase: Phase) -> Inputs:
    """Returns samples of new classes, which count from 0, and unlabeled ones.

    Args:
        inputs: `Inputs` of a phase.
        phase: `Phase`.
    """
    labels = inputs.new_labels
    known = inputs.is_exact(labels)
    chosen = ~known | (labels >= phase.num_old)
    labels = np.where(known, labels - phase.num_old, NO_LABEL)
    return Inputs.of(inputs.new[chosen], labels[chosen])
