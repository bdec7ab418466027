from typing import Any

import keras
from keras import ops

from keras_incremental.losses.shapes import logits_at
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor


@export
class BalancedAccuracy(keras.metrics.Metric):
    """Computes the mean of the accuracies of old and of new classes.

    The plain accuracy is dominated by the larger part of the samples. This
    metric falls if either part is lost, so `EarlyStopping` can monitor it:
    `learn` reports it as `"balanced_accuracy"`. If there are only old or only
    new classes, it is their accuracy.

    Args:
        num_old: Int. The classes from `0` to `num_old - 1` are old. Labels
            outside the classes are ignored.
        name: String. Defaults to `"balanced_accuracy"`.
        dtype: See `keras.metrics.Metric`.

    Example:

    >>> import numpy as np
    >>> metric = BalancedAccuracy(num_old=2)
    >>> metric.update_state(np.array([0, 1, 1, 2]), np.eye(3)[[0, 1, 0, 0]])
    >>> round(float(metric.result()), 4)
    0.3333
    """

    def __init__(
        self, num_old: int, name: str = "balanced_accuracy", dtype: Any = None
    ):
        super().__init__(name=name, dtype=dtype)
        self.num_old = int(num_old)
        self.right = self.add_variable((2,), "zeros", name="right")
        self.seen = self.add_variable((2,), "zeros", name="seen")

    def update_state(
        self,
        y_true: Tensor,
        y_pred: Tensor,
        sample_weight: Tensor | None = None,
    ) -> None:
        y_pred = logits_at(y_true, ops.convert_to_tensor(y_pred))
        labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        predicted = ops.reshape(ops.argmax(y_pred, axis=-1), (-1,))
        hit = ops.equal(labels, ops.cast(predicted, "int32"))
        is_old = ops.logical_and(labels >= 0, labels < self.num_old)
        is_new = ops.logical_and(
            labels >= self.num_old, labels < y_pred.shape[-1]
        )
        for index, group in enumerate((is_old, is_new)):
            place = ops.cast(ops.arange(2) == index, self.dtype)
            right = ops.cast(ops.logical_and(hit, group), self.dtype)
            self.right.assign_add(place * ops.sum(right))
            seen = ops.sum(ops.cast(group, self.dtype))
            self.seen.assign_add(place * seen)

    def result(self) -> Tensor:
        shares = self.right / ops.maximum(self.seen, 1.0)
        shown = ops.sum(ops.cast(self.seen > 0, self.dtype))
        return ops.sum(shares) / ops.maximum(shown, 1.0)

    def get_config(self) -> Config:
        return {**super().get_config(), "num_old": self.num_old}
