import numpy as np
from keras import ops

from keras_incremental.losses.label_loss import OldNewLoss
from keras_incremental.losses.label_loss import crossentropy_among
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Tensor


@export
class ReplayWeightedCrossentropy(OldNewLoss):
    """Crossentropy with a separate weight for replayed samples.

    The loss is the mean over the new samples of a batch, plus `weight` times
    the sum over the replayed samples divided by the number of new samples.
    If a batch has as many replayed as new samples, this is a weighted sum of
    two means. With `weight=0`, the labels of exemplars are not used, for
    example because their stored logits are.

    Reference:
    - [Buzzega et al., 2020](https://arxiv.org/abs/2004.07211), DER and DER++

    Args:
        weight: Float, 0 or more. A larger value keeps old classes better.
            Defaults to `0.5`.
        num_old: Int, 0 or more. Number of old classes. Their samples are the
            replayed ones. Set by `for_phase`. Defaults to `0`.
        reduction: See `keras.losses.Loss`. Defaults to
            `"sum_over_batch_size"`.
        name: String. Defaults to `"replay_weighted_crossentropy"`.

    Input shape:
        `y_true`: ints, `(batch_size, ...)` or `(batch_size, ..., 1)`; -1 is
        ignored.
        `y_pred`: logits, `(batch_size, ..., num_classes)`.

    Example:

    >>> loss = ReplayWeightedCrossentropy(weight=0.5, num_old=1)
    >>> round(float(loss(np.array([1, 0]), np.zeros((2, 2)))), 4)
    1.0397
    """

    default_name = "replay_weighted_crossentropy"

    def __init__(
        self,
        weight: float = 0.5,
        num_old: int = 0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
    ):
        super().__init__(num_old, reduction, name)
        if not np.isfinite(weight) or weight < 0:
            raise ValueError(
                "`weight` of ReplayWeightedCrossentropy must be a finite "
                f"number of 0 or more. Received: weight={weight}."
            )
        self.weight = float(weight)

    def losses(self, labels: Tensor, logits: Tensor) -> Tensor:
        losses = crossentropy_among(labels, logits, True)
        is_new = ops.cast(labels >= self.num_old, losses.dtype)
        counts = ops.cast(labels >= 0, losses.dtype)
        weights = is_new + self.weight * (counts - is_new)
        # Keras divides by the number of all samples afterwards.
        share = ops.sum(is_new) / ops.maximum(ops.sum(counts), 1.0)
        return losses * weights / ops.where(share > 0, share, 1.0)

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}
