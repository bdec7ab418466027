import keras
import numpy as np
from keras import ops

from keras_incremental.losses.incremental_sigmoid_crossentropy import (
    sigmoid_crossentropy,
)
from keras_incremental.losses.shapes import broadcast_weights
from keras_incremental.utils import state
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor

UNKNOWN = -1
# Loss of a target outside 0 to 1 in a compiled step.
_INVALID = 1e9


@export
class PartialBinaryCrossentropy(keras.losses.Loss):
    """Binary crossentropy for targets that are only partly known.

    Each class has a sigmoid of its own. Unknown targets have no loss and no
    gradient. If they were taken as 0, the network would learn that classes
    without annotation are absent. The mean is taken over the known targets,
    so it does not depend on the number of unknown ones.

    Reference:
    - [Durand et al., 2019](https://arxiv.org/abs/1902.09720), for
      `per_sample`

    Args:
        per_sample: Boolean. Whether to normalize each sample by itself: the
            sum over its known classes, divided by the number of all classes,
            times `4 / 9 / p + 5 / 9`, where `p` is the share of known
            classes. A class then has up to 5 times the weight if only a
            tenth is known. Defaults to `False`, the plain mean.
        from_logits: Boolean. Whether `y_pred` holds logits rather than
            probabilities. Defaults to `True`.
        reduction: See `keras.losses.Loss`. `"sum_over_batch_size"` divides
            by the number of known targets, or with `per_sample=True` by the
            number of samples with a known target. Defaults to
            `"sum_over_batch_size"`.
        name: String. Defaults to `"partial_binary_crossentropy"`.

    Input shape:
        `y_true`: `(batch_size, ..., num_classes)`; 1 for present, 0 for
        absent, a probability between them, or -1 for unknown.
        `y_pred`: same shape.

    Example:

    >>> loss = PartialBinaryCrossentropy()
    >>> round(float(loss(np.array([[1, -1, -1]]), np.zeros((1, 3)))), 4)
    0.6931
    """

    def __init__(
        self,
        per_sample: bool = False,
        from_logits: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str = "partial_binary_crossentropy",
    ):
        super().__init__(name=name, reduction=reduction, dtype="float32")
        self.per_sample = per_sample
        self.from_logits = from_logits

    def __call__(self, y_true, y_pred, sample_weight=None):
        _check_targets(y_true, y_pred)
        y_pred = ops.convert_to_tensor(y_pred)
        entries = y_pred if self.per_sample else ops.expand_dims(y_pred, -1)
        sample_weight = broadcast_weights(sample_weight, entries)
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        logits = y_pred if self.from_logits else _log_odds(y_pred)
        known = ops.not_equal(y_true, UNKNOWN)
        fits = ops.logical_and(y_true >= 0, y_true <= 1)
        each = ops.where(fits, sigmoid_crossentropy(y_true, logits), _INVALID)
        each = ops.where(known, each, 0.0)
        if not self.per_sample:
            return state.set_mask(each, known)
        share = ops.mean(ops.cast(known, each.dtype), axis=-1)
        losses = known_share_weight(share) * ops.mean(each, axis=-1)
        return state.set_mask(losses, share > 0)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "per_sample": self.per_sample,
            "from_logits": self.from_logits,
        }


def known_share_weight(share: Tensor) -> Tensor:
    """Returns the weight of samples with this share of known classes."""
    return ops.where(
        share > 0, 4 / 9 / ops.where(share > 0, share, 1.0) + 5 / 9, 0.0
    )


def _log_odds(probabilities):
    epsilon = keras.config.epsilon()
    p = ops.clip(probabilities, epsilon, 1 - epsilon)
    return ops.log(p) - ops.log1p(-p)


def _check_targets(targets, outputs):
    shape = tuple(np.shape(targets))
    if shape[-1:] != tuple(np.shape(outputs))[-1:]:
        raise ValueError(
            "`y_true` of PartialBinaryCrossentropy must hold one target for "
            "each class. "
            f"Received: y_true.shape={shape}, "
            f"y_pred.shape={tuple(np.shape(outputs))}. Pass 1, 0 or -1 for "
            "each class of a sample."
        )
    if not isinstance(targets, (np.ndarray, list, tuple)):
        return
    targets = np.asarray(targets)
    fits = ((targets >= 0) & (targets <= 1)) | (targets == UNKNOWN)
    if not fits.all():
        raise ValueError(
            "`y_true` of PartialBinaryCrossentropy must hold 1, 0, a "
            "probability between them, or -1 for unknown. Received: "
            f"{np.unique(targets[~fits]).tolist()[:10]}."
        )
