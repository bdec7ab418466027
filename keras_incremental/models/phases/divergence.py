"""Training that diverges, noticed where the loss is first known."""

import math

import keras
import numpy as np
from keras import ops


class DivergenceCheck(keras.callbacks.Callback):
    """Ends a training at the first epoch whose loss is not finite."""

    def on_epoch_end(self, epoch, logs=None):
        check_loss(self.model, (logs or {}).get("loss", 0.0), "epoch", epoch)


def check_loss(model, loss, unit, index):
    """Raises if a loss is not finite.

    Args:
        model: `keras.Model` that trains.
        loss: Float.
        unit: String, what the loss is of.
        index: Int, which of these, from 0.
    """
    if math.isfinite(loss):
        return
    optimizer = model.optimizer
    rate = float(np.asarray(ops.convert_to_numpy(optimizer.learning_rate)))
    raise RuntimeError(
        f"Training diverged: the loss is {loss} in {unit} {index + 1}, at the "
        f"learning rate {rate:.3g} of {type(optimizer).__name__}, so nothing "
        "has been changed. Pass an `optimizer` with a lower learning rate, or "
        "look for extreme values in `x`."
    )
