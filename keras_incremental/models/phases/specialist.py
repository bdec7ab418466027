import dataclasses

import numpy as np

from keras_incremental.data.labels import NO_LABEL
from keras_incremental.layers.expandable_dense import ExpandableDense
from keras_incremental.losses import CandidateSetCrossentropy
from keras_incremental.memory.policies import Concatenate
from keras_incremental.models.phases.phase_data import Inputs
from keras_incremental.models.student import Student
from keras_incremental.models.student import teacher_of


def train_specialist(teacher, inputs, plan, fit_of):
    """Trains a copy of the network on the new classes only.

    Args:
        teacher: `Student` as it was before the phase.
        inputs: `Inputs`.
        plan: `Plan`.
        fit_of: Function of a head, returns the `Fit` that trains it.

    Returns:
        `Student` with one output for each new class.
    """
    phase, terms = plan.phase, plan.recipe.specialist
    if not phase.num_new:
        raise ValueError(
            f"The recipe '{plan.recipe.name}' first trains a network for the "
            "new classes. Received: samples of known classes only. Teach "
            "more of these by a classifier with another recipe."
        )
    head = ExpandableDense(phase.num_new, kernel_initializer="zeros")
    head.build((None, teacher.head.input_dim))
    specialist = Student(
        teacher_of(teacher).upper,
        head,
        terms=[(t.factor(phase), t.for_phase(phase)) for t in terms],
        coordinates=plan.coordinates,
    )
    known = inputs.new_labels != NO_LABEL
    chosen = ~known | (inputs.new_labels >= phase.num_old)
    labels = np.where(known, inputs.new_labels - phase.num_old, -1)
    how = dataclasses.replace(
        fit_of(head),
        loss=CandidateSetCrossentropy(ignore_class=NO_LABEL),
        label_weight=1.0,
        policy=Concatenate(),
    )
    shown = Inputs.of(inputs.new[chosen], labels[chosen])
    how.run(specialist, shown, "specialist of the new classes")
    return specialist
