import keras
from keras import ops

from keras_incremental.losses.function_loss import as_loss
from keras_incremental.losses.function_loss import reads_one_hot
from keras_incremental.utils.types import LossLike


class OneHotLabels(keras.losses.Loss):
    """A loss of one-hot labels, computed of ints.

    Labels outside the classes, such as -1, do not count.

    Args:
        loss: `keras.losses.Loss`, such as `CategoricalCrossentropy`.
    """

    def __init__(self, loss: keras.losses.Loss):
        super().__init__(name=loss.name, reduction=None, dtype="float32")
        self.loss = loss

    def __call__(self, y_true, y_pred, sample_weight=None):
        size = y_pred.shape[-1]
        labels = ops.cast(y_true, "int32")
        known = ops.cast(ops.logical_and(labels >= 0, labels < size), "float32")
        if sample_weight is not None:
            known = known * ops.cast(sample_weight, "float32")
        return self.loss(ops.one_hot(labels, size), y_pred, known)


def of_ints(loss: LossLike) -> LossLike:
    """Returns a loss of int labels, whatever labels a loss of Keras reads."""
    loss = as_loss(loss)
    return OneHotLabels(loss) if reads_one_hot(loss) else loss
