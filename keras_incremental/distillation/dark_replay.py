from keras import ops

from keras_incremental.distillation.reading import mean_over
from keras_incremental.distillation.reading import read
from keras_incremental.distillation.reading import read_teacher
from keras_incremental.distillation.term import Term
from keras_incremental.utils.export import export


@export
class DarkReplay(Term):
    """Keeps the logits that exemplars had when they were stored.

    The mean squared difference to the stored logits, over the classes that
    there were then, and over the samples that have any. Classes that arrived
    since get no gradient. No network of the past is needed, only a row of
    numbers beside each exemplar, which is NaN where there is none.

    Squares follow the size of the logits: divide the weight by the squared
    scale of a cosine head.

    Reference:
    - [Buzzega et al., 2020](https://arxiv.org/abs/2004.07211), DER. In DER++
      exemplars also take part in the loss of the labels.

    Args:
        weight: Float, 0 or more. The paper has 0.1 to 0.5. Defaults to
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
    needs_teacher = False

    def __init__(self, weight: float = 0.3, schedule: str = "constant"):
        super().__init__(weight, schedule)

    def compute_loss(self, teacher_outputs, student_outputs, labels=None):
        stored = read_teacher(student_outputs, "stored")
        logits = read(student_outputs, "logits")[:, : stored.shape[-1]]
        known = ops.logical_not(ops.isnan(stored))
        # NaN times zero is NaN, in gradients too.
        stored = ops.where(known, stored, 0.0)
        squared = ops.where(known, ops.square(logits - stored), 0.0)
        count = ops.sum(ops.cast(known, logits.dtype), axis=-1)
        each = ops.sum(squared, axis=-1) / ops.maximum(count, 1.0)
        return mean_over(each, count > 0)
