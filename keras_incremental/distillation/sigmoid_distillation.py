from keras import ops

from keras_incremental.distillation.reading import read
from keras_incremental.distillation.reading import read_teacher
from keras_incremental.distillation.term import Term
from keras_incremental.losses.incremental_sigmoid_crossentropy import (
    sigmoid_crossentropy,
)
from keras_incremental.utils.export import export


@export
class SigmoidDistillation(Term):
    """Keeps the yes or no of the teacher for each old class.

    Binary crossentropy with the teacher's probabilities as targets, for
    every sample, exemplars of the class included, summed over the old and
    divided by the number of all classes, or summed as the equation of the
    paper has it. Added to
    `losses.IncrementalSigmoidCrossentropy` it makes the loss of iCaRL.

    Reference:
    - [Rebuffi et al., 2017](https://arxiv.org/abs/1611.07725)

    Args:
        sum_classes: Bool. Whether not to divide by the number of classes;
            give the loss of the labels the same. Defaults to `False`.
        weight: Float, 0 or more. Defaults to `1.0`, as in the paper.
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

    def compute_loss(self, teacher_outputs, student_outputs, labels=None):
        taught = read_teacher(teacher_outputs, "logits")
        given = read(student_outputs, "logits")
        each = sigmoid_crossentropy(
            ops.sigmoid(taught), given[..., : taught.shape[-1]]
        )
        total = ops.mean(ops.sum(each, axis=-1))
        return total if self.sum_classes else total / given.shape[-1]

    def get_config(self):
        return {**super().get_config(), "sum_classes": self.sum_classes}
