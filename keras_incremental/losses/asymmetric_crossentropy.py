from keras import ops

from keras_incremental.losses.label_loss import OldNewLoss
from keras_incremental.losses.label_loss import crossentropy_among
from keras_incremental.losses.label_loss import one_hot
from keras_incremental.utils.export import export


@export
class AsymmetricCrossentropy(OldNewLoss):
    """Crossentropy in which new samples compete among themselves.

    A sample of a new class is told apart from the new classes that are in
    its batch; a replayed sample of an old class from all classes. So the
    first batches of a phase do not push all that is old away.

    The paper adds the means of a new and of a replayed batch. Here both are
    one batch, and one mean: with as many of each it is half of that sum. The
    memory of the paper follows a stream, so that it has samples of the new
    classes too, told apart from all classes. Where exemplars are of old
    classes only, the new samples of the batch stand for those: `new_share`
    says how much of a balanced memory they would be. With 0 nothing would
    ever let a new class win over an old one.

    Reference:
    - [Caccia et al., 2022](https://arxiv.org/abs/2104.05025), ER-ACE

    Args:
        num_old: Int, 0 or more: how many classes are old. A phase tells.
            With `0` all classes are compared. Defaults to `0`.
        new_share: Float from 0 to 1, the weight of the crossentropy of new
            samples among all classes. A phase tells: the share of new
            classes. Defaults to `0.0`.
        reduction: See `keras.losses.Loss`. Defaults to
            `"sum_over_batch_size"`.
        name: String. Defaults to `"asymmetric_crossentropy"`.

    Input shape:
        `y_true`: ints, `(batch_size, ...)` or `(batch_size, ..., 1)`; -1
        does not count.
        `y_pred`: logits, `(batch_size, ..., num_classes)`.

    Example:

    >>> import numpy as np
    >>> loss = AsymmetricCrossentropy(num_old=1)
    >>> round(float(loss(np.array([1, 2]), np.zeros((2, 4)))), 4)
    0.6931
    """

    default_name = "asymmetric_crossentropy"

    def __init__(
        self,
        num_old: int = 0,
        new_share: float = 0.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
    ):
        super().__init__(num_old, reduction, name)
        if not 0 <= new_share <= 1:
            raise ValueError(
                "`new_share` of AsymmetricCrossentropy must be from 0 to 1. "
                f"Received: new_share={new_share}."
            )
        self.new_share = float(new_share)

    def phase_config(self, phase):
        share = phase.num_new / phase.num_classes
        return {**super().phase_config(phase), "new_share": share}

    def losses(self, labels, logits):
        if not self.num_old:
            return crossentropy_among(labels, logits, True)
        is_new = labels >= self.num_old
        among = competitors(labels, is_new, logits.shape[-1])
        losses = crossentropy_among(labels, logits, among)
        if not self.new_share:
            return losses
        # As a replayed sample of an old class, it stands for itself already.
        share = self.new_share * ops.cast(is_new, "float32")
        return losses + share * crossentropy_among(labels, logits, True)

    def get_config(self):
        return {**super().get_config(), "new_share": self.new_share}


def competitors(labels, arrives, num_classes):
    """The classes that each sample is told apart from.

    Args:
        labels: Tensor of ints.
        arrives: Boolean tensor of the same shape. Whether a sample is new,
            not replayed: it competes with the classes of the new samples
            alone, a replayed one with all.
        num_classes: Int.

    Returns:
        Boolean tensor `(..., num_classes)`.
    """
    arrives = ops.expand_dims(arrives, -1)
    shown = ops.logical_and(one_hot(labels, num_classes), arrives)
    present = ops.any(ops.reshape(shown, (-1, num_classes)), axis=0)
    return ops.logical_or(ops.logical_not(arrives), present)
