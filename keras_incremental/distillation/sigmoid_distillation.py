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
    divided by the number of all classes. Added to
    `losses.IncrementalSigmoidCrossentropy` it makes the loss of iCaRL.

    Reference:
    - [Rebuffi et al., 2017](https://arxiv.org/abs/1611.07725)

    Args:
        weight: Float, 0 or more. Defaults to `1.0`, as in the paper.
        schedule: As of `Term`. Defaults to `"constant"`.

    Example:

    >>> import numpy as np
    >>> teacher = {"logits": np.zeros((1, 1))}
    >>> student = {"logits": np.zeros((1, 2))}
    >>> round(float(SigmoidDistillation().compute_loss(teacher, student)), 4)
    0.3466
    """

    def compute_loss(self, teacher_outputs, student_outputs, labels=None):
        taught = read_teacher(teacher_outputs, "logits")
        given = read(student_outputs, "logits")
        each = sigmoid_crossentropy(
            ops.sigmoid(taught), given[..., : taught.shape[-1]]
        )
        return ops.mean(ops.sum(each, axis=-1)) / given.shape[-1]
