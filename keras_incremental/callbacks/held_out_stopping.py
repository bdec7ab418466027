from typing import Any
from typing import Self

import keras
import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.callbacks.phase_callback import HELD_OUT
from keras_incremental.callbacks.phase_callback import PhaseCallback
from keras_incremental.callbacks.weight_protection import check_data
from keras_incremental.data import arrays
from keras_incremental.data.labels import check_labels
from keras_incremental.regularizers.per_example.likelihood import logits_of
from keras_incremental.utils.export import export
from keras_incremental.utils.probabilities import logsumexp
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Logs
from keras_incremental.utils.types import Structure

MONITOR = "held_out_loss"


@export
class HeldOutStopping(PhaseCallback):
    """Stops training when the loss of held-out samples stops improving.

    After each epoch this callback computes the cross-entropy of held-out
    samples, the same number of each class, so that old classes count as much
    as new ones. When it has not improved for `patience` epochs, the training
    stops. The weights of the best epoch are restored in any case. The loss is
    in the logs as `"held_out_loss"`. Validation data is not looked at. `learn`
    reads a data set in each epoch as well, without the samples held out, if it
    gives the same samples each time.

    Pass the callback before those that use the final weights, such as
    `BiasCorrection`. The data is cleared when the phase ends.

    Reference:
    - [Prechelt, 1998](https://doi.org/10.1007/3-540-49430-8_3)

    Args:
        patience: Int, 1 or more. Epochs without an improvement before the
            training stops. A larger value costs more time, and passes over
            longer plateaus. Defaults to `10`.
        validation_share: Float between 0 and 1. Share of the samples of the
            smallest class that `IncrementalClassifier` holds out, as many of
            each other class. A larger value measures better, and leaves fewer
            samples for training. Defaults to `0.2`.
        data: Tuple `(inputs, labels)` of held-out samples with integer
            labels. It may also be set as an attribute before `fit`. Defaults
            to `None`.
        class_weight: Dict of labels and floats, same as for `fit`, where the
            training has one. Defaults to `None`.

    Raises:
        ValueError: when `fit` begins without `data`, or where there is not
            one label for each sample.

    Example:

    >>> import numpy as np
    >>> data = (np.ones((2, 4)), np.array([0, 1]))
    >>> callbacks = [HeldOutStopping(patience=3, data=data)]
    """

    required_data = HELD_OUT

    def __init__(
        self,
        patience: int = 10,
        validation_share: float = 0.2,
        data: tuple[Structure, ArrayLike] | None = None,
        class_weight: dict[int, float] | None = None,
    ):
        super().__init__()
        if not isinstance(patience, int) or patience < 1:
            raise ValueError(
                "`patience` of HeldOutStopping must be an integer of 1 or "
                f"more. Received: patience={patience!r}."
            )
        if not 0 < validation_share < 1:
            raise ValueError(
                "`validation_share` of HeldOutStopping must be between 0 and "
                f"1. Received: validation_share={validation_share}."
            )
        self.patience = patience
        self.validation_share = float(validation_share)
        self.data: Any = data
        self.class_weight = None if class_weight is None else dict(class_weight)
        self._stopping: Any = None

    def on_train_begin(self, logs: Logs = None) -> None:
        check_data(self)
        _check_labels(self.data[1])
        self._stopping = keras.callbacks.EarlyStopping(
            MONITOR,
            patience=self.patience,
            mode="min",
            restore_best_weights=True,
        )
        self._stopping.set_model(self.model)
        self._stopping.on_train_begin(logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        logs = {} if logs is None else logs
        logs[MONITOR] = self._loss()
        self._stopping.on_epoch_end(epoch, logs)

    def on_train_end(self, logs: Logs = None) -> None:
        stopping, self._stopping, self.data = self._stopping, None, None
        stopping.on_train_end(logs)

    def _loss(self):
        inputs, labels = self.data
        predict, _ = logits_of(self.model)
        logits = arrays.in_chunks(
            predict, arrays.samples_to_numpy(inputs, "data")
        )
        labels = np.reshape(labels, (-1, 1)).astype("int64")
        losses = logsumexp(logits) - np.take_along_axis(logits, labels, -1)
        given = self.class_weight or {}
        weights = [given.get(label, 1.0) for label in labels[:, 0].tolist()]
        return float(np.average(losses[:, 0], weights=weights))

    def get_config(self) -> Config:
        return {
            "patience": self.patience,
            "validation_share": self.validation_share,
            "class_weight": self.class_weight,
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        # JSON has strings as keys.
        weights = config.get("class_weight")
        if weights is not None:
            weights = {int(label): float(w) for label, w in weights.items()}
        return cls(**{**config, "class_weight": weights})


def _check_labels(labels):
    if not len(labels):
        raise ValueError(
            "HeldOutStopping needs held-out samples. Received: data with "
            "none, as no class has two samples. Pass more samples, or "
            "`epochs` without this callback."
        )
    labels = check_labels(labels, None, argument="data", sparse=True)
    if labels.ndim > 1:
        raise ValueError(
            "HeldOutStopping takes one label for each sample. Received: "
            f"labels of shape {labels.shape}. Use "
            "`keras.callbacks.EarlyStopping` with `validation_data` where "
            "samples have several labels, or pixels have them."
        )
