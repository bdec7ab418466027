import math

from keras import ops

from keras_incremental.distillation.outputs import int_labels
from keras_incremental.distillation.outputs import masked_mean
from keras_incremental.distillation.outputs import student_output
from keras_incremental.distillation.term import Outputs
from keras_incremental.distillation.term import Term
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Tensor


@export
class ConfidenceLoss(Term):
    """Penalizes confident predictions for samples without a label.

    The term is the divergence of the predicted probabilities from a uniform
    distribution, averaged over samples with the label -1. It needs no
    teacher. It trains an expert for the new classes, whose confidence then
    discriminates new classes from all others.

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

    def compute_loss(
        self,
        teacher_outputs: Outputs,
        student_outputs: Outputs,
        labels: Tensor | None = None,
    ) -> Tensor:
        labels = int_labels(labels, type(self).__name__)
        losses = confidence_loss(student_output(student_outputs, "logits"))
        return masked_mean(losses, labels < 0)


def confidence_loss(logits: Tensor) -> Tensor:
    """Computes the divergence of a softmax from a uniform distribution.

    Args:
        logits: Tensor of shape `(..., num_classes)`.

    Returns:
        Tensor of shape `(...)`, 0 or more.
    """
    likelihood = ops.mean(ops.log_softmax(logits, axis=-1), axis=-1)
    return -likelihood - math.log(logits.shape[-1])
