from keras import ops

from keras_incremental.distillation.outputs import masked_mean
from keras_incremental.distillation.outputs import student_output
from keras_incremental.distillation.outputs import teacher_output
from keras_incremental.distillation.term import Outputs
from keras_incremental.distillation.term import Term
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Tensor


@export
class DarkReplay(Term):
    """Keeps the logits that are stored with exemplars.

    The term is the mean squared difference from the stored logits, over the
    samples that have stored logits, and over the classes at the time of
    storing. Newer classes get no gradient. It needs no teacher: the logits
    are stored with each exemplar. Samples and classes without stored logits
    have NaN.

    The term grows with the square of the logits. Divide the weight by the
    squared scale of a cosine head.

    Reference:
    - [Buzzega et al., 2020](https://arxiv.org/abs/2004.07211), DER. In DER++
      exemplars also contribute to the loss of the labels.

    Args:
        weight: Float, 0 or more. The paper uses 0.1 to 0.5. Defaults to
            `0.3`.
        schedule: See `Term`. Defaults to `"constant"`.

    Example:

    >>> import numpy as np
    >>> outputs = {
    ...     "logits": np.array([[1.0, 5.0], [0.0, 0.0]]),
    ...     "stored": np.array([[3.0, np.nan], [np.nan, np.nan]]),
    ... }
    >>> float(DarkReplay().compute_loss({}, outputs))
    4.0
    """

    reads = ("logits", "stored")
    reads_unlabeled = False
    needs_teacher = False

    def __init__(self, weight: float = 0.3, schedule: str = "constant"):
        super().__init__(weight, schedule)

    def compute_loss(
        self,
        teacher_outputs: Outputs,
        student_outputs: Outputs,
        labels: Tensor | None = None,
    ) -> Tensor:
        stored = teacher_output(student_outputs, "stored")
        logits = student_output(student_outputs, "logits")[
            :, : stored.shape[-1]
        ]
        known = ops.logical_not(ops.isnan(stored))
        # NaN times zero is NaN, in gradients too.
        stored = ops.where(known, stored, 0.0)
        squared = ops.where(known, ops.square(logits - stored), 0.0)
        count = ops.sum(ops.cast(known, logits.dtype), axis=-1)
        each = ops.sum(squared, axis=-1) / ops.maximum(count, 1.0)
        return masked_mean(each, count > 0)
