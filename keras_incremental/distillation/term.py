import copy
import math
import numbers

import keras

# How the weight of a term follows the numbers of old and new classes.
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
    """Base of what a phase adds to the loss of the labels.

    A term compares the outputs of the student with those of its teacher, the
    network before the phase. Both are dicts; a subclass names in `reads`
    what it needs of them:

    - `"logits"`: `(batch_size, num_classes)`, the teacher's narrower;
    - `"features"`: `(batch_size, features)`, what the head reads;
    - `"scores"`: as the logits, cosines before the scale of a cosine head;
    - `"maps"`: list of `(batch_size, height, width, channels)`, of the
      layers that the term names in `layers`;
    - `"kernel"`: `(features, num_classes)`, of a linear head;
    - `"stored"`: `(batch_size, num_classes)`, logits kept with an exemplar,
      NaN where there are none.

    Args:
        weight: Float, 0 or more. A larger value keeps more of the old and
            learns less of the new.
        schedule: How `weight` follows the numbers `n` of old, `m` of new and
            `K` of all classes: `"constant"`, `"old_share"` (`n / K`),
            `"old_per_new"` (`n / m`), `"sqrt_old_per_new"` or
            `"sqrt_all_per_new"` (`sqrt(K / m)`). Defaults to `"constant"`.
    """

    reads = ("logits",)
    needs_teacher = True
    # The teacher's outputs also have `"specialist"`, the logits of a network
    # that knows only the new classes.
    needs_specialist = False
    # The term is 0 where all below the head is frozen.
    only_below_head = False

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
        self.phase = None

    def for_phase(self, phase):
        """A copy that knows the phase."""
        bound = copy.copy(self)
        bound.phase = phase
        return bound

    def factor(self, phase):
        """Float. What the term is multiplied by in a phase."""
        return self.weight * SCHEDULES[self.schedule](phase)

    def compute_loss(self, teacher_outputs, student_outputs, labels=None):
        """The term, a scalar. Subclasses compute it.

        Args:
            teacher_outputs: Dict of what the teacher gives.
            student_outputs: Dict of what the student gives.
            labels: Ints of shape `(batch_size,)`, or `None`.
        """
        raise NotImplementedError

    def validate_outputs(self, teacher_outputs, student_outputs):
        """Raises if something that the term reads is missing."""
        for name in self.reads:
            if name not in student_outputs:
                raise ValueError(
                    f"{type(self).__name__} reads {list(self.reads)}. "
                    f"Received: {sorted(student_outputs)} only. Use it where "
                    "the network gives them."
                )
        if self.needs_specialist and "specialist" not in teacher_outputs:
            raise ValueError(
                f"{type(self).__name__} needs a network that knows only the "
                "new classes. Received: teacher outputs "
                f"{sorted(teacher_outputs)}. Train a specialist first."
            )

    def get_config(self):
        return {"weight": self.weight, "schedule": self.schedule}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
