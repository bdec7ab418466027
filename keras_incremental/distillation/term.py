import copy
import math
import numbers
from typing import Self

import keras

from keras_incremental.utils.phase import Phase
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Structure
from keras_incremental.utils.types import Tensor

# Outputs of a network, by name.
Outputs = dict[str, Structure]

# Factors of the weight of a term, by the numbers of old and new classes.
SCHEDULES = {
    "constant": lambda phase: 1.0,
    "old_share": lambda phase: phase.num_old / phase.num_classes,
    "old_per_new": lambda phase: phase.num_old / max(phase.num_new, 1),
    "sqrt_old_per_new": lambda phase: math.sqrt(
        phase.num_old / max(phase.num_new, 1)
    ),
    "sqrt_all_per_new": lambda phase: math.sqrt(
        phase.num_classes / max(phase.num_new, 1)
    ),
}


class Term(keras.distillation.DistillationLoss):
    """Base class of terms that a phase adds to the loss of the labels.

    A term compares the outputs of the student with those of its teacher, the
    network before the phase. Both are dicts. A subclass lists the outputs
    that it needs in `reads`:

    - `"logits"`: `(batch_size, num_classes)`; the teacher has fewer classes;
    - `"features"`: `(batch_size, features)`, the input of the head;
    - `"scores"`: same shape as the logits, the cosines of a cosine head
      before its scale;
    - `"maps"`: list of `(batch_size, height, width, channels)`, outputs of
      the layers that the term names in `layers`;
    - `"kernel"`: `(features, num_classes)`, of a linear head;
    - `"stored"`: `(batch_size, num_classes)`, logits stored with exemplars;
      NaN if there are none.

    Outputs of a further teacher, which a `PhaseCallback` returns from
    `teacher_outputs`, are listed in `teacher_reads`.

    Args:
        weight: Float, 0 or more. A larger value keeps more of the old
            classes and learns less of the new ones.
        schedule: String. Factor of `weight`, by the numbers `n` of old, `m`
            of new and `K` of all classes: `"constant"`, `"old_share"`
            (`n / K`), `"old_per_new"` (`n / m`), `"sqrt_old_per_new"` or
            `"sqrt_all_per_new"` (`sqrt(K / m)`). Defaults to `"constant"`.
    """

    reads: tuple[str, ...] = ("logits",)
    needs_teacher = True
    # Outputs that a `PhaseCallback` adds to those of the teacher.
    teacher_reads: tuple[str, ...] = ()
    # Whether the term is 0 if all layers below the head are frozen.
    only_below_head = False
    # Whether samples without a label count.
    reads_unlabeled = True

    def __init__(self, weight: float = 1.0, schedule: str = "constant"):
        number = isinstance(weight, numbers.Real) and weight is not True
        if not number or not 0 <= weight < float("inf"):
            raise ValueError(
                f"`weight` of {type(self).__name__} must be a finite number "
                f"of 0 or more. Received: weight={weight!r}."
            )
        if schedule not in SCHEDULES:
            raise ValueError(
                f"`schedule` of {type(self).__name__} must be one of "
                f"{sorted(SCHEDULES)}. Received: schedule={schedule!r}."
            )
        self.weight = float(weight)
        self.schedule = schedule
        self.phase: Phase | None = None

    def for_phase(self, phase: Phase) -> "Term":
        """Returns a copy of the term that is bound to a phase."""
        bound = copy.copy(self)
        bound.phase = phase
        return bound

    def factor(self, phase: Phase) -> float:
        """Returns the weight of the term in a phase."""
        return self.weight * SCHEDULES[self.schedule](phase)

    def compute_loss(
        self,
        teacher_outputs: Outputs,
        student_outputs: Outputs,
        labels: Tensor | None = None,
    ) -> Tensor:
        """Computes the term. Implemented by subclasses.

        Args:
            teacher_outputs: Dict of outputs of the teacher.
            student_outputs: Dict of outputs of the student.
            labels: Ints of shape `(batch_size,)`, or `None`.

        Returns:
            Scalar tensor.
        """
        raise NotImplementedError

    def validate_outputs(
        self, teacher_outputs: Outputs, student_outputs: Outputs
    ) -> None:
        """Raises a `ValueError` if an output that the term reads is missing."""
        for name in self.reads:
            if name not in student_outputs:
                raise ValueError(
                    f"{type(self).__name__} reads the outputs "
                    f"{list(self.reads)}. Received: outputs "
                    f"{sorted(student_outputs)}. Use it with a network that "
                    f"has {name!r}."
                )
        for name in self.teacher_reads:
            if name not in teacher_outputs:
                raise ValueError(
                    f"{type(self).__name__} reads the outputs "
                    f"{list(self.teacher_reads)} of a further teacher. "
                    "Received: teacher outputs "
                    f"{sorted(teacher_outputs)}. Use it with a "
                    f"`PhaseCallback` whose `teacher_outputs` has {name!r}."
                )

    def get_config(self) -> Config:
        return {"weight": self.weight, "schedule": self.schedule}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**config)
