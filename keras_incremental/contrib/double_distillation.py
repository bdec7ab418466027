from keras import ops

from keras_incremental.distillation.outputs import student_output
from keras_incremental.distillation.outputs import teacher_output
from keras_incremental.distillation.term import Outputs
from keras_incremental.distillation.term import Term
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Tensor


@export
class DoubleDistillation(Term):
    """Distills a network of old and one of new classes into a third.

    The targets of a mean squared error are the logits of both networks, each
    centered over its own classes. Labels are not needed. The student is
    trained on unlabeled samples like those of the two networks, preferably
    with this term alone.

    Reference:
    - [Zhang et al., 2020](https://arxiv.org/abs/1903.07864), DMC

    Args:
        weight: Float, 0 or more. Defaults to `1.0`.
        schedule: See `Term`. Defaults to `"constant"`.

    Example:

    >>> import numpy as np
    >>> teacher = {"logits": np.array([[5.0]]),
    ...            "expert": np.array([[3.0, 1.0]])}
    >>> student = {"logits": np.array([[0.0, 1.0, -1.0]])}
    >>> float(DoubleDistillation().compute_loss(teacher, student))
    0.0
    """

    teacher_reads = ("expert",)

    def compute_loss(
        self,
        teacher_outputs: Outputs,
        student_outputs: Outputs,
        labels: Tensor | None = None,
    ) -> Tensor:
        targets = double_targets(
            teacher_output(teacher_outputs, "logits"),
            teacher_output(teacher_outputs, "expert"),
        )
        return ops.mean(
            ops.square(student_output(student_outputs, "logits") - targets)
        )


def double_targets(old: Tensor, new: Tensor) -> Tensor:
    """Concatenates the centered logits of old and of new classes.

    Args:
        old: Tensor `(..., num_old)`.
        new: Tensor `(..., num_new)`.

    Returns:
        Tensor `(..., num_old + num_new)`. It does not change if a constant is
        added to all logits of a sample in `old`, or in `new`.
    """
    return ops.concatenate([centered(old), centered(new)], axis=-1)


def centered(logits: Tensor) -> Tensor:
    """Subtracts the mean over the classes from logits."""
    return logits - ops.mean(logits, axis=-1, keepdims=True)
