from keras import ops

from keras_incremental.losses.label_loss import UNLABELED
from keras_incremental.losses.label_loss import OldNewLoss
from keras_incremental.losses.label_loss import crossentropy_among
from keras_incremental.losses.label_loss import one_hot
from keras_incremental.losses.shapes import squeeze_labels
from keras_incremental.utils import state
from keras_incremental.utils.export import export
from keras_incremental.utils.phase import Phase
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor


@export
class AsymmetricCrossentropy(OldNewLoss):
    """Crossentropy in which new samples do not lower the old logits.

    The softmax of a new sample runs over the new classes in its batch. The
    softmax of a replayed sample runs over all classes. The first batches of
    a phase therefore do not push the old logits down.

    The paper adds the mean of a new batch and the mean of a replayed batch.
    Here both are one batch with one mean: for batches of equal size, half of
    that sum. The memory of the paper follows a stream, so it also holds
    samples of new classes, which compete with all classes. If exemplars are
    of old classes only, the new samples of the batch take their place with
    the weight `new_share`. With `new_share=0`, no gradient lets a new class
    win over an old one.

    Reference:
    - [Caccia et al., 2022](https://arxiv.org/abs/2104.05025), ER-ACE

    In training by `IncrementalClassifier`, which samples are replayed comes
    with the labels; else those of old classes are. In a stream, exemplars of
    new classes are replayed too, so that `new_share` stays 0.

    Args:
        num_old: Int, 0 or more. Number of old classes. Set by `for_phase`.
            With `0`, the softmax runs over all classes, where labels do not
            tell which samples are replayed. Defaults to `0`.
        new_share: Float from 0 to 1. Weight of the crossentropy of new
            samples over all classes. Set by `for_phase` to the share of new
            classes. Defaults to `0.0`.
        reduction: See `keras.losses.Loss`. Defaults to
            `"sum_over_batch_size"`.
        name: String. Defaults to `"asymmetric_crossentropy"`.

    Input shape:
        `y_true`: ints, `(batch_size, ...)` or `(batch_size, ..., 1)`; -1 is
        ignored. Or a dict of `"labels"` and `"replayed"`, one bool for each
        sample.
        `y_pred`: logits, `(batch_size, ..., num_classes)`.

    Example:

    >>> import numpy as np
    >>> loss = AsymmetricCrossentropy(num_old=1)
    >>> round(float(loss(np.array([1, 2]), np.zeros((2, 4)))), 4)
    0.6931
    """

    default_name = "asymmetric_crossentropy"
    reads_replayed = True
    follows_streams = True

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

    def phase_config(self, phase: Phase) -> Config:
        share = 0.0 if phase.is_stream else phase.num_new / phase.num_classes
        return {**super().phase_config(phase), "new_share": share}

    def call(self, y_true: Tensor | dict, y_pred: Tensor) -> Tensor:
        if not isinstance(y_true, dict):
            return super().call(y_true, y_pred)
        labels = ops.cast(squeeze_labels(y_true["labels"], y_pred), "int32")
        is_new = ops.logical_not(ops.cast(y_true["replayed"], "bool"))
        counts = ops.not_equal(labels, UNLABELED)
        losses = self._losses(labels, y_pred, is_new)
        return state.set_mask(ops.where(counts, losses, 0.0), counts)

    def losses(self, labels: Tensor, logits: Tensor) -> Tensor:
        if not self.num_old:
            return crossentropy_among(labels, logits, True)
        return self._losses(labels, logits, labels >= self.num_old)

    def _losses(self, labels, logits, is_new):
        mask = competitors(labels, is_new, logits.shape[-1])
        losses = crossentropy_among(labels, logits, mask)
        if not self.new_share:
            return losses
        # A replayed sample already competes with all classes.
        share = self.new_share * ops.cast(is_new, "float32")
        return losses + share * crossentropy_among(labels, logits, True)

    def get_config(self) -> Config:
        return {**super().get_config(), "new_share": self.new_share}


def competitors(labels: Tensor, is_new: Tensor, num_classes: int) -> Tensor:
    """Returns the classes in the softmax of each sample.

    Args:
        labels: Tensor of ints.
        is_new: Boolean tensor of the same shape. `True` for a new sample,
            which competes with the classes of the new samples; `False` for a
            replayed sample, which competes with all classes.
        num_classes: Int.

    Returns:
        Boolean tensor of shape `(..., num_classes)`.
    """
    is_new = ops.expand_dims(is_new, -1)
    shown = ops.logical_and(one_hot(labels, num_classes), is_new)
    present = ops.any(ops.reshape(shown, (-1, num_classes)), axis=0)
    return ops.logical_or(ops.logical_not(is_new), present)
