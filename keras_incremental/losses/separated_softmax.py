from keras import ops

from keras_incremental.losses.label_loss import OldNewLoss
from keras_incremental.losses.label_loss import crossentropy_among
from keras_incremental.utils.export import export
from keras_incremental.utils.phase import Phase
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor


@export
class SeparatedSoftmax(OldNewLoss):
    """Crossentropy with separate softmaxes for old and new classes.

    The softmax of a sample of a new class runs over the new classes, the
    softmax of a sample of an old class over the old classes. Many new samples
    therefore do not push the logits of old classes down. Only the features
    and the distillation keep old and new logits on the same scale. On frozen
    features, `LogitAdjustedCrossentropy` is the safer choice.

    A single new class would have no competitor and would never be learned.
    In this case `for_phase` returns a loss over all classes.

    Reference:
    - [Ahn et al., 2021](https://arxiv.org/abs/2003.13947), SS-IL, which
      goes with `distillation.GroupDistillation`

    Args:
        num_old: Int, 0 or more. Number of old classes. Set by `for_phase`.
            Defaults to `0`, the crossentropy over all classes.
        reduction: See `keras.losses.Loss`. Defaults to
            `"sum_over_batch_size"`.
        name: String. Defaults to `"separated_softmax"`.

    Input shape:
        `y_true`: ints, `(batch_size, ...)` or `(batch_size, ..., 1)`; -1 is
        ignored.
        `y_pred`: logits, `(batch_size, ..., num_classes)`.

    Example:

    >>> import numpy as np
    >>> loss = SeparatedSoftmax(num_old=1)
    >>> round(float(loss(np.array([2]), np.array([[9.0, 0, 0]]))), 4)
    0.6931
    """

    default_name = "separated_softmax"

    def phase_config(self, phase: Phase) -> Config:
        return {"num_old": phase.num_old if phase.num_new != 1 else 0}

    def losses(self, labels: Tensor, logits: Tensor) -> Tensor:
        is_old = ops.expand_dims(labels < self.num_old, -1)
        columns = ops.arange(logits.shape[-1], dtype="int32")
        among = ops.equal(is_old, columns < self.num_old)
        return crossentropy_among(labels, logits, among)
