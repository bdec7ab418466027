from collections.abc import Sequence

import numpy as np
from keras import ops

from keras_incremental.losses.label_loss import LabelLoss
from keras_incremental.losses.label_loss import crossentropy_among
from keras_incremental.utils.export import export


@export
class LogitAdjustedCrossentropy(LabelLoss):
    """Crossentropy that allows for how often each class is shown.

    A network that is trained on many samples of new and few of old classes
    learns that the new ones are likely. Here that is added to the logits
    while it trains,

        loss = crossentropy(z + tau * log(counts))

    so the logits `z` themselves learn what a balanced set would teach.
    Predict by them as they are. With `tau` of 1 this is balanced softmax.

    Do not balance by sampling, weights or another correction of the bias
    too: each takes off the whole of it.

    Reference:
    - [Menon et al., 2021](https://arxiv.org/abs/2007.07314)
    - [Ren et al., 2020](https://arxiv.org/abs/2007.10740), balanced softmax

    Args:
        tau: Float, 0 or more. A larger value favors rare classes more; 1 is
            right for the mean of the accuracies of all classes. Defaults to
            `1.0`.
        counts: List of ints, one for each class: how many samples of it an
            epoch shows, repeats included; 0 counts as 1. A phase tells.
            `None` means all alike, the plain crossentropy. Defaults to
            `None`.
        reduction: See `keras.losses.Loss`. Defaults to
            `"sum_over_batch_size"`.
        name: String. Defaults to `"logit_adjusted_crossentropy"`.

    Input shape:
        `y_true`: ints, `(batch_size, ...)` or `(batch_size, ..., 1)`; -1
        does not count.
        `y_pred`: logits, `(batch_size, ..., num_classes)`.

    Raises:
        ValueError: if `counts` are not those of the classes of `y_pred`.

    Example:

    >>> import numpy as np
    >>> loss = LogitAdjustedCrossentropy(counts=[3, 1])
    >>> round(float(loss(np.array([1]), np.zeros((1, 2)))), 4)
    1.3863
    """

    corrects_bias = True

    def __init__(
        self,
        tau: float = 1.0,
        counts: Sequence[int] | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str = "logit_adjusted_crossentropy",
    ):
        super().__init__(reduction, name)
        if not 0 <= tau < float("inf"):
            raise ValueError(
                "`tau` of LogitAdjustedCrossentropy must be a finite number "
                f"of 0 or more. Received: tau={tau}."
            )
        self.tau = float(tau)
        self.counts = _checked_counts(counts)

    def phase_config(self, phase):
        return {"counts": phase.counts}

    def losses(self, labels, logits):
        return crossentropy_among(labels, self.adjusted(logits), True)

    def adjusted(self, logits):
        """The logits with what the counts say about each class."""
        if self.counts is None:
            return logits
        if len(self.counts) != logits.shape[-1]:
            raise ValueError(
                f"LogitAdjustedCrossentropy '{self.name}' has counts of "
                f"{len(self.counts)} classes, but `y_pred` has "
                f"{logits.shape[-1]}. Take a copy `for_phase`, or give a "
                "count for each class."
            )
        shift = self.tau * np.log(np.maximum(self.counts, 1))
        return logits + ops.convert_to_tensor(shift, logits.dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "tau": self.tau,
            "counts": self.counts,
        }


def _checked_counts(counts):
    if counts is None:
        return None
    counts = [int(count) for count in counts]
    if not counts or min(counts) < 0:
        raise ValueError(
            "`counts` of LogitAdjustedCrossentropy must be ints of 0 or "
            f"more, one for each class. Received: counts={counts}."
        )
    return counts
