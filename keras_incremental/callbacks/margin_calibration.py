import numpy as np
from keras import ops

from keras_incremental.callbacks.phase_callback import NEW
from keras_incremental.callbacks.phase_callback import PhaseCallback
from keras_incremental.layers.growth import find_head
from keras_incremental.layers.splits import refuse_new_splits
from keras_incremental.utils.export import export

CHUNK = 256


@export
class MarginCalibration(PhaseCallback):
    """Lets new classes win no more often than their own pictures need.

    A group that is trained without pictures of old classes has no reason to
    leave anything to them. When a `fit` ends, this callback looks at the
    margin, the logit of the true new class over the best old one, on the new
    pictures, and takes from the biases of the newest group the margin that
    all but `1 - recall` of these pictures exceed. It needs no old data, and
    unlike the alignment of norms it does not trust the norms of a head that
    was trained elsewhere. The data is forgotten with the phase.

    Args:
        recall: Float above 0, up to 1. Share of the new pictures that still
            win over the old classes. A larger value favors new classes.
            Defaults to `0.95`.
        data: Tuple `(inputs, labels)` of the `fit`, integer labels; may be
            set as an attribute before it. Defaults to `None`.

    Raises:
        ValueError: when a `fit` begins without `data`, or if a new class
            came out of an old one.
    """

    corrects_bias = True
    wants = NEW

    def __init__(self, recall=0.95, data=None):
        super().__init__()
        if not 0 < recall <= 1:
            raise ValueError(
                "`recall` must be above 0 and up to 1. Received: "
                f"recall={recall}."
            )
        self.recall = float(recall)
        self.data = data

    def on_train_begin(self, logs=None):
        if self.data is None:
            raise ValueError(
                "MarginCalibration needs the pictures of the new classes. "
                "Received: data=None. Set `callback.data = (x, y)` before "
                "`fit`."
            )
        refuse_new_splits(find_head(self.model), "MarginCalibration")

    def on_train_end(self, logs=None):
        (inputs, labels), self.data = self.data, None
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
        parts = [
            ops.convert_to_numpy(
                self.model(inputs[start : start + CHUNK], training=False)
            )
            for start in range(0, len(inputs), CHUNK)
        ]
        return np.concatenate(parts)

    def get_config(self):
        return {"recall": self.recall}


def spare_margin(logits, labels, num_old, recall):
    """What new logits can lose while `recall` of the pictures still win.

    Args:
        logits: Array of shape `(num_samples, num_classes)`.
        labels: Ints of shape `(num_samples,)`, `num_old` or more.
        num_old: Int. How many classes are old.
        recall: Float above 0, up to 1.

    Returns:
        Float, negative where they must gain.
    """
    own = np.take_along_axis(logits, labels[:, None], -1)[:, 0]
    return float(np.quantile(own - logits[:, :num_old].max(-1), 1 - recall))
