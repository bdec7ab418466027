from keras import ops

from keras_incremental.losses.label_loss import LabelLoss
from keras_incremental.losses.label_loss import crossentropy_among
from keras_incremental.losses.label_loss import one_hot
from keras_incremental.utils.export import export
from keras_incremental.utils.masking import masked_logsumexp
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor


@export
class NCALoss(LabelLoss):
    """Crossentropy with a margin, for cosine heads.

    The logits of a cosine head are cosines times its scale. The margin is
    subtracted from the cosine of the true class, so its logit `z[y]` loses
    `scale * margin`:

        a = z[y] - scale * margin
        loss = log(exp(a) + sum over others of exp(z[k])) - a

    With `hinge=True`, the denominator omits the true class and the loss is
    clipped at 0: a sample that wins by the margin has no gradient.

    The loss does not know the scale of the head. The margin is exact if
    `scale` is that of the head and the head does not learn it
    (`learn_scale=False`). If the head learns its scale, the margin stays
    constant in logits.

    Reference:
    - [Douillard et al., 2020](https://arxiv.org/abs/2004.13513), PODNet;
      [Movshovitz-Attias et al., 2017](https://arxiv.org/abs/1703.07464). The
      paper uses the hinge and multiplies the margin by a learned scale.

    Args:
        margin: Float from 0 to 2, a difference of cosines. A larger value
            keeps classes further apart. Defaults to `0.6`.
        scale: Float above 0. Scale of the head. Defaults to `1.0`.
        hinge: Boolean. Whether to use the hinge. Defaults to `False`.
        reduction: See `keras.losses.Loss`. Defaults to
            `"sum_over_batch_size"`.
        name: String. Defaults to `"nca_loss"`.

    Input shape:
        `y_true`: ints, `(batch_size, ...)` or `(batch_size, ..., 1)`; -1 is
        ignored.
        `y_pred`: logits, `(batch_size, ..., num_classes)`.

    Example:

    >>> import numpy as np
    >>> loss = NCALoss(margin=0.5, scale=2.0, hinge=True)
    >>> float(loss(np.array([0]), np.array([[3.0, 2.5]])))
    0.5
    """

    def __init__(
        self,
        margin: float = 0.6,
        scale: float = 1.0,
        hinge: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str = "nca_loss",
    ):
        super().__init__(reduction, name)
        if not 0 <= margin <= 2:
            raise ValueError(
                "`margin` of NCALoss must be a difference of cosines, from 0 "
                f"to 2. Received: margin={margin}."
            )
        if not 0 < scale < float("inf"):
            raise ValueError(
                "`scale` of NCALoss must be a finite number above 0. "
                f"Received: scale={scale}."
            )
        self.margin, self.scale = float(margin), float(scale)
        self.hinge = hinge

    def losses(self, labels: Tensor, logits: Tensor) -> Tensor:
        true = one_hot(labels, logits.shape[-1])
        shift = ops.where(true, self.scale * self.margin, 0.0)
        if not self.hinge:
            return crossentropy_among(labels, logits - shift, True)
        others = masked_logsumexp(logits, ops.logical_not(true))
        return ops.relu(others - masked_logsumexp(logits - shift, true))

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "margin": self.margin,
            "scale": self.scale,
            "hinge": self.hinge,
        }
