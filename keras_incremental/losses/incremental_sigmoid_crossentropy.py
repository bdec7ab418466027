from keras import ops

from keras_incremental.losses.label_loss import OldNewLoss
from keras_incremental.losses.label_loss import one_hot
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor


@export
class IncrementalSigmoidCrossentropy(OldNewLoss):
    """Binary crossentropy of the new classes only.

    Each class has a sigmoid of its own. `distillation.SigmoidDistillation`
    trains the old classes: for them, the outputs of the teacher replace the
    labels of all samples. The loss is

        sum over new k of binary crossentropy(label == k, z[k]) / num_classes

    so that this loss and the distillation sum to the mean over all classes.
    The mean makes steps smaller as classes arrive. The code of the paper uses
    it with a learning rate of 2. Its equation sums over classes instead, like
    `sum_classes=True`, which suits common learning rates.

    Reference:
    - [Rebuffi et al., 2017](https://arxiv.org/abs/1611.07725), iCaRL, which
      predicts with the nearest class mean, not with these logits

    Args:
        num_old: Int, 0 or more. Number of old classes. Set by `for_phase`.
            Defaults to `0`, the mean over all classes.
        sum_classes: Boolean. Whether to sum over the classes rather than
            divide by their number. Pass the same value to
            `SigmoidDistillation`. Defaults to `False`.
        reduction: See `keras.losses.Loss`. Defaults to
            `"sum_over_batch_size"`.
        name: String. Defaults to `"incremental_sigmoid_crossentropy"`.

    Input shape:
        `y_true`: ints, `(batch_size, ...)` or `(batch_size, ..., 1)`; -1 is
        ignored.
        `y_pred`: logits, `(batch_size, ..., num_classes)`.

    Example:

    >>> import numpy as np
    >>> loss = IncrementalSigmoidCrossentropy(num_old=1)
    >>> round(float(loss(np.array([1]), np.zeros((1, 2)))), 4)
    0.3466
    """

    default_name = "incremental_sigmoid_crossentropy"

    def __init__(
        self,
        num_old: int = 0,
        sum_classes: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
    ):
        super().__init__(num_old, reduction, name)
        self.sum_classes = bool(sum_classes)

    def losses(self, labels: Tensor, logits: Tensor) -> Tensor:
        num_classes = logits.shape[-1]
        targets = ops.cast(one_hot(labels, num_classes), logits.dtype)
        each = sigmoid_crossentropy(targets, logits)
        total = ops.sum(each[..., self.num_old :], axis=-1)
        return total if self.sum_classes else total / num_classes

    def get_config(self) -> Config:
        return {**super().get_config(), "sum_classes": self.sum_classes}


def sigmoid_crossentropy(targets: Tensor, logits: Tensor) -> Tensor:
    """Computes the binary crossentropy of each class from logits.

    Args:
        targets: Tensor of probabilities.
        logits: Tensor of the same shape.

    Returns:
        Tensor of the same shape.
    """
    # -log(sigmoid(z)) is softplus(-z), and softplus(z) - z is the same.
    return ops.softplus(logits) - logits * targets
