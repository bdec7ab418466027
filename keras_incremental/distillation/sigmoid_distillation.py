from keras import ops

from keras_incremental.distillation.outputs import student_output
from keras_incremental.distillation.outputs import teacher_output
from keras_incremental.distillation.term import Outputs
from keras_incremental.distillation.term import Term
from keras_incremental.losses.incremental_sigmoid_crossentropy import (
    sigmoid_crossentropy,
)
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor


@export
class SigmoidDistillation(Term):
    """Keeps the sigmoid output of each old class.

    The term is the binary crossentropy with the probabilities of the teacher
    as targets, for all samples, exemplars included. It is summed over the
    old classes and divided by the number of all classes. Together with
    `losses.IncrementalSigmoidCrossentropy`, it is the loss of iCaRL.

    Reference:
    - [Rebuffi et al., 2017](https://arxiv.org/abs/1611.07725)

    Args:
        sum_classes: Boolean. Whether to sum over the classes, like the
            equation of the paper, rather than divide by their number. Pass
            the same value to the loss of the labels. Defaults to `False`.
        weight: Float, 0 or more. Defaults to `1.0`, the value of the paper.
        schedule: See `Term`. Defaults to `"constant"`.

    Example:

    >>> import numpy as np
    >>> teacher = {"logits": np.zeros((1, 1))}
    >>> student = {"logits": np.zeros((1, 2))}
    >>> round(float(SigmoidDistillation().compute_loss(teacher, student)), 4)
    0.3466
    """

    def __init__(
        self,
        sum_classes: bool = False,
        weight: float = 1.0,
        schedule: str = "constant",
    ):
        super().__init__(weight, schedule)
        self.sum_classes = bool(sum_classes)

    def compute_loss(
        self,
        teacher_outputs: Outputs,
        student_outputs: Outputs,
        labels: Tensor | None = None,
    ) -> Tensor:
        teacher = teacher_output(teacher_outputs, "logits")
        student = student_output(student_outputs, "logits")
        each = sigmoid_crossentropy(
            ops.sigmoid(teacher), student[..., : teacher.shape[-1]]
        )
        total = ops.mean(ops.sum(each, axis=-1))
        return total if self.sum_classes else total / student.shape[-1]

    def get_config(self) -> Config:
        return {**super().get_config(), "sum_classes": self.sum_classes}
