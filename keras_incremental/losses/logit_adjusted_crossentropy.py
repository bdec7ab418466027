from collections.abc import Sequence

import numpy as np
from keras import ops

from keras_incremental.losses.label_loss import LabelLoss
from keras_incremental.losses.label_loss import crossentropy_among
from keras_incremental.utils.export import export
from keras_incremental.utils.phase import Phase
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor


@export
class LogitAdjustedCrossentropy(LabelLoss):
    """Crossentropy with logits adjusted by the class frequencies.

    A network that is trained on many samples of new classes and few samples
    of old classes learns that new classes are more likely. This loss adds the
    class frequencies to the logits during training,

        loss = crossentropy(z + tau * log(counts))

    so the logits `z` learn what they would learn from a balanced data set.
    Use them unchanged for predictions. With `tau=1`, this is the balanced
    softmax.

    Do not combine it with balanced sampling, class weights or another bias
    correction: each of them removes the whole bias.

    Reference:
    - [Menon et al., 2021](https://arxiv.org/abs/2007.07314)
    - [Ren et al., 2020](https://arxiv.org/abs/2007.10740), balanced softmax

    Args:
        tau: Float, 0 or more. A larger value favors rare classes more; 1 is
            optimal for the mean accuracy over classes. Defaults to `1.0`.
        counts: List of ints, or `None`. Number of samples of each class in
            an epoch, repeats included; 0 is treated as 1. Set by
            `for_phase`. With `None`, the loss is the plain crossentropy.
            Defaults to `None`.
        reduction: See `keras.losses.Loss`. Defaults to
            `"sum_over_batch_size"`.
        name: String. Defaults to `"logit_adjusted_crossentropy"`.

    Input shape:
        `y_true`: ints, `(batch_size, ...)` or `(batch_size, ..., 1)`; -1 is
        ignored.
        `y_pred`: logits, `(batch_size, ..., num_classes)`.

    Raises:
        ValueError: if `counts` and `y_pred` have different numbers of
            classes.

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

    def phase_config(self, phase: Phase) -> Config:
        return {"counts": phase.counts}

    def losses(self, labels: Tensor, logits: Tensor) -> Tensor:
        return crossentropy_among(labels, self.adjusted(logits), True)

    def adjusted(self, logits: Tensor) -> Tensor:
        """Adds `tau * log(counts)` to logits."""
        if self.counts is None:
            return logits
        if len(self.counts) != logits.shape[-1]:
            raise ValueError(
                f"LogitAdjustedCrossentropy '{self.name}' has counts of "
                f"{len(self.counts)} classes, but `y_pred` has "
                f"{logits.shape[-1]}. Use the copy that `for_phase(phase)` "
                "returns, or pass one count for each class."
            )
        shift = self.tau * np.log(np.maximum(self.counts, 1))
        return logits + ops.convert_to_tensor(shift, logits.dtype)

    def get_config(self) -> Config:
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
