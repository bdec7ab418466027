import math

from keras import ops

from keras_incremental.distillation.reading import mean_over
from keras_incremental.distillation.reading import read
from keras_incremental.distillation.reading import read_labels
from keras_incremental.distillation.term import Term
from keras_incremental.utils.export import export


@export
class ConfidenceLoss(Term):
    """Teaches a network to be unsure of what belongs to none of its classes.

    The divergence of its probabilities from equal ones, the mean over the
    samples without a label (-1); 0 where there are none. It needs no
    teacher. A specialist for the new classes is trained with it, so that its
    confidence tells new classes from all else.

    Reference:
    - [Lee et al., 2019](https://arxiv.org/abs/1903.12648), GD

    Args:
        weight: Float, 0 or more. Defaults to `1.0`, as in the paper.
        schedule: See `Term`. Defaults to `"constant"`.

    Example:

    >>> import numpy as np
    >>> outputs = {"logits": np.full((1, 3), 7.0)}
    >>> float(ConfidenceLoss().compute_loss({}, outputs, np.array([-1])))
    0.0
    """

    needs_teacher = False

    def compute_loss(self, teacher_outputs, student_outputs, labels=None):
        labels = read_labels(labels, type(self).__name__)
        losses = confidence_loss(read(student_outputs, "logits"))
        return mean_over(losses, labels < 0)


def confidence_loss(logits):
    """Divergence of the probabilities from equal ones.

    Args:
        logits: Tensor `(..., num_classes)`.

    Returns:
        Tensor `(...)`, 0 or more.
    """
    likelihood = ops.mean(ops.log_softmax(logits, axis=-1), axis=-1)
    return -likelihood - math.log(logits.shape[-1])
