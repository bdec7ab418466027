from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.callbacks.phase_callback import NEW
from keras_incremental.callbacks.phase_callback import PhaseCallback
from keras_incremental.data import arrays
from keras_incremental.layers.growth import find_head
from keras_incremental.layers.splits import refuse_new_splits
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Logs
from keras_incremental.utils.types import Structure


@export
class MarginCalibration(PhaseCallback):
    """Lowers the biases of new classes to the level that their samples need.

    New classes that are trained without samples of old classes win too often.
    When `fit` ends, this callback computes the margin of each new sample: its
    true logit minus the largest old logit. It subtracts from the biases of the
    newest group the margin that a share `recall` of the samples exceeds. It
    needs no old data. Unlike `WeightAlignment`, it does not depend on the
    norms of a head that was trained elsewhere. The data is cleared when the
    phase ends.

    Args:
        recall: Float in `(0, 1]`. Share of the new samples for which the new
            class still wins over old classes. A larger value favors new
            classes. Defaults to `0.95`.
        data: Tuple `(inputs, labels)` of the phase, with integer labels. It
            may also be set as an attribute before `fit`. Defaults to `None`.

    Raises:
        ValueError: when `fit` begins without `data`, or if a new class is a
            subclass of an old one.
    """

    corrects_bias = True
    required_data = NEW

    def __init__(
        self,
        recall: float = 0.95,
        data: tuple[Structure, ArrayLike] | None = None,
    ):
        super().__init__()
        if not 0 < recall <= 1:
            raise ValueError(
                "`recall` of MarginCalibration must be in (0, 1]. Received: "
                f"recall={recall}."
            )
        self.recall = float(recall)
        self.data: Any = data

    def on_train_begin(self, logs: Logs = None) -> None:
        if self.data is None:
            raise ValueError(
                "MarginCalibration needs the samples of new classes. "
                "Received: data=None. Set `callback.data = (x, y)` before "
                "`fit`."
            )
        refuse_new_splits(find_head(self.model), "MarginCalibration")

    def on_train_end(self, logs: Logs = None) -> None:
        (inputs, labels), self.data = self.data, None
        inputs = arrays.samples_to_numpy(inputs, "data")
        head = find_head(self.model)
        if len(head.group_sizes) < 2:
            return
        new = head.group_slices[-1]
        chosen = np.asarray(labels) >= new.start
        if not np.any(chosen):
            return
        shift = spare_margin(
            self._logits(inputs[chosen]),
            np.asarray(labels)[chosen],
            new.start,
            self.recall,
        )
        bias = head.columns("bias")
        bias[new] -= shift
        head.assign_columns("bias", bias)

    def _logits(self, inputs):
        return arrays.in_chunks(
            lambda chunk: self.model(chunk, training=False), inputs
        )

    def get_config(self) -> Config:
        return {"recall": self.recall}


def spare_margin(
    logits: np.ndarray, labels: np.ndarray, num_old: int, recall: float
) -> float:
    """Computes the margin that a share of new samples exceeds.

    Args:
        logits: Array of shape `(num_samples, num_classes)`.
        labels: Ints of shape `(num_samples,)`, `num_old` or more.
        num_old: Int. Number of old classes.
        recall: Float in `(0, 1]`.

    Returns:
        Float; negative if new logits must be raised.
    """
    own = np.take_along_axis(logits, labels[:, None], -1)[:, 0]
    return float(np.quantile(own - logits[:, :num_old].max(-1), 1 - recall))
