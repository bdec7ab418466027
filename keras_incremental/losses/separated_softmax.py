from keras import ops

from keras_incremental.losses.label_loss import OldNewLoss
from keras_incremental.losses.label_loss import crossentropy_among
from keras_incremental.utils.export import export


@export
class SeparatedSoftmax(OldNewLoss):
    """Crossentropy in which old and new classes are never compared.

    A sample of a new class is told apart from the new classes only, one of
    an old class from the old ones only. So many new samples do not push the
    few old classes down. The logits of both share a scale through the
    features and the distillation alone; on frozen features nothing else
    links them, and `LogitAdjustedCrossentropy` is the safer choice.

    A class that arrives alone has no other new class to be told apart from,
    and would never be learned: `for_phase` then compares all classes.

    Reference:
    - [Ahn et al., 2021](https://arxiv.org/abs/2003.13947), SS-IL, which
      goes with `distillation.GroupDistillation`

    Args:
        num_old: Int, 0 or more: how many classes are old. A phase tells.
            Defaults to `0`, the crossentropy of all classes.
        reduction: See `keras.losses.Loss`. Defaults to
            `"sum_over_batch_size"`.
        name: String. Defaults to `"separated_softmax"`.

    Input shape:
        `y_true`: ints, `(batch_size, ...)` or `(batch_size, ..., 1)`; -1
        does not count.
        `y_pred`: logits, `(batch_size, ..., num_classes)`.

    Example:

    >>> import numpy as np
    >>> loss = SeparatedSoftmax(num_old=1)
    >>> round(float(loss(np.array([2]), np.array([[9.0, 0, 0]]))), 4)
    0.6931
    """

    default_name = "separated_softmax"

    def phase_config(self, phase):
        return {"num_old": phase.num_old if phase.num_new != 1 else 0}

    def losses(self, labels, logits):
        is_old = ops.expand_dims(labels < self.num_old, -1)
        columns = ops.arange(logits.shape[-1], dtype="int32")
        among = ops.equal(is_old, columns < self.num_old)
        return crossentropy_among(labels, logits, among)
