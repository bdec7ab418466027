from keras import ops

from keras_incremental.distillation.reading import read
from keras_incremental.distillation.reading import read_teacher
from keras_incremental.distillation.term import Term
from keras_incremental.utils.export import export


@export
class DoubleDistillation(Term):
    """Merges an old network and one of the new classes into a third.

    The logits of both, each less its own mean over its classes, are the
    targets of a mean squared error. Labels are not needed: the student is
    trained on any pictures like those of the two, best with nothing else.

    Reference:
    - [Zhang et al., 2020](https://arxiv.org/abs/1903.07864), DMC

    Args:
        weight: Float, 0 or more. Defaults to `1.0`.
        schedule: See `Term`. Defaults to `"constant"`.

    Example:

    >>> import numpy as np
    >>> teacher = {"logits": np.array([[5.0]]),
    ...            "specialist": np.array([[3.0, 1.0]])}
    >>> student = {"logits": np.array([[0.0, 1.0, -1.0]])}
    >>> float(DoubleDistillation().compute_loss(teacher, student))
    0.0
    """

    needs_specialist = True

    def compute_loss(self, teacher_outputs, student_outputs, labels=None):
        targets = double_targets(
            read_teacher(teacher_outputs, "logits"),
            read_teacher(teacher_outputs, "specialist"),
        )
        return ops.mean(ops.square(read(student_outputs, "logits") - targets))


def double_targets(old, new):
    """Logits of old and of new classes, each less its own mean.

    Args:
        old: Tensor `(..., num_old)`.
        new: Tensor `(..., num_new)`.

    Returns:
        Tensor `(..., num_old + num_new)`. A constant added to all logits of
        a sample in `old`, or in `new`, does not change it.
    """
    return ops.concatenate([centered(old), centered(new)], axis=-1)


def centered(logits):
    """Logits less their mean over the classes."""
    return logits - ops.mean(logits, axis=-1, keepdims=True)
