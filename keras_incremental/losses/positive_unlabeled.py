import keras
import numpy as np
from keras import ops

from keras_incremental.losses.shapes import broadcast_weights
from keras_incremental.losses.shapes import squeeze_labels
from keras_incremental.utils import state
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor

IGNORED, UNLABELED, POSITIVE = -1, 0, 1


@export
class PositiveUnlabeledLoss(keras.losses.Loss):
    """Non-negative risk for learning from positive and unlabeled samples.

    Some samples are labeled as positive. A share `prior` of the unlabeled
    samples is positive too. Training on the unlabeled samples as negatives
    would suppress the class, and ignoring them would leave no negatives. The
    non-negative risk corrects for the hidden positives. With the logit `s`
    of the class it is

        prior * mean(softplus(-s[positive])) + max(-beta, rest)
        rest = mean(softplus(s[unlabeled]))
               - prior * mean(softplus(s[positive]))

    The risk of the negatives, `rest`, is negative only by overfitting. If it
    falls below `-beta`, the gradient step corrects it and nothing else. Both
    means are taken over one batch, so a batch should hold several samples of
    each kind.

    For a subclass of an old class, `s` is the logit of the subclass minus
    the logit of its parent, and old samples of the parent are unlabeled.

    Reference:
    - [Kiryo et al., 2017](https://arxiv.org/abs/1703.00593)

    Args:
        prior: Float in `[0, 1)`. Share of positives among the unlabeled
            samples. A larger value finds more positives and gives more false
            positives. To estimate it, count the positives in a hundred
            samples, or see `metrics.estimate_positive_share`.
        beta: Float, 0 or more. Tolerance for a negative `rest`. A larger
            value corrects later. Defaults to `0.0`.
        gamma: Float, 0 or more. Size of the correction step. Defaults to
            `1.0`.
        reduction: See `keras.losses.Loss`. Defaults to
            `"sum_over_batch_size"`.
        name: String. Defaults to `"positive_unlabeled_loss"`.

    Input shape:
        `y_true`: ints, `(batch_size, ...)` or `(batch_size, ..., 1)`; 1 for
        positive, 0 for unlabeled, and -1 to ignore.
        `y_pred`: logits, `(batch_size, ..., 1)`.

    Example:

    >>> loss = PositiveUnlabeledLoss(prior=0.2)
    >>> round(float(loss(np.array([1, 0, 0]), np.zeros((3, 1)))), 4)
    0.6931
    """

    def __init__(
        self,
        prior: float,
        beta: float = 0.0,
        gamma: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "positive_unlabeled_loss",
    ):
        super().__init__(name=name, reduction=reduction, dtype="float32")
        self.prior = checked_prior(prior, "PositiveUnlabeledLoss")
        self.beta = _checked_size(beta, "beta")
        self.gamma = _checked_size(gamma, "gamma")

    def __call__(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.convert_to_tensor(y_pred)
        if y_pred.shape[-1] != 1:
            raise ValueError(
                "`y_pred` of PositiveUnlabeledLoss must hold one logit for "
                f"each position. Received: y_pred.shape={tuple(y_pred.shape)}. "
                "For a subclass, pass `z[..., child, None] - z[..., parent, "
                "None]`."
            )
        if isinstance(y_true, (np.ndarray, list, tuple, int)):
            _check_labels(y_true)
        labels = ops.convert_to_tensor(y_true, dtype="float32")
        labels = squeeze_labels(labels, y_pred)
        weights = broadcast_weights(sample_weight, y_pred)
        each = ops.ones_like(labels)
        each = each if weights is None else each * weights
        # Keras does not pass the weights to `call`, and `rest` needs them.
        pairs = ops.stack([labels, each], axis=-1)
        return super().__call__(pairs, y_pred, weights)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        labels, weights = y_true[..., 0], y_true[..., 1]
        counts = ops.not_equal(labels, IGNORED)
        positive, rest = _parts(labels, y_pred[..., 0], self.prior)
        overfits = ops.sum(weights * rest) < -self.beta
        number = ops.sum(ops.cast(counts, rest.dtype))
        corrected = _valued(
            positive - self.beta / ops.maximum(number, 1.0), -self.gamma * rest
        )
        losses = ops.where(overfits, corrected, positive + rest)
        # Keras then divides by the number of positions.
        losses = ops.where(counts, losses * number, 0.0)
        return state.set_mask(losses, counts)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "prior": self.prior,
            "beta": self.beta,
            "gamma": self.gamma,
        }


def _parts(labels, logits, prior):
    """Returns the terms of both risks at each position."""
    is_positive = ops.equal(labels, POSITIVE)
    is_unlabeled = ops.equal(labels, UNLABELED)
    positives = _shared(is_positive) * prior
    # A batch without unlabeled samples says nothing about negatives.
    known = ops.cast(ops.any(is_unlabeled), logits.dtype)
    yes, no = ops.softplus(-logits), ops.softplus(logits)
    rest = (_shared(is_unlabeled) - positives) * known * no
    return positives * yes, rest


def _shared(chosen):
    """Returns weights that turn a sum into the mean over a mask."""
    chosen = ops.cast(chosen, "float32")
    return chosen / ops.maximum(ops.sum(chosen), 1.0)


def _valued(value, slope):
    """Returns a tensor with one value and the gradient of another."""
    return ops.stop_gradient(value - slope) + slope


def checked_prior(prior: float, owner: str) -> float:
    """Returns `prior` as a float, or raises a `ValueError`."""
    if isinstance(prior, bool) or not 0 <= prior < 1:
        raise ValueError(
            f"`prior` of {owner} must be a float in [0, 1). Received: "
            f"prior={prior!r}. Pass the share of positives."
        )
    return float(prior)


def _checked_size(value, name):
    if not 0 <= value < float("inf"):
        raise ValueError(
            f"`{name}` of PositiveUnlabeledLoss must be a finite number of "
            f"0 or more. Received: {name}={value}."
        )
    return float(value)


def _check_labels(labels):
    known = (IGNORED, UNLABELED, POSITIVE)
    wrong = np.setdiff1d(np.asarray(labels), known).tolist()
    if wrong:
        raise ValueError(
            "`y_true` of PositiveUnlabeledLoss must hold 1 for positive, 0 "
            "for unlabeled, or -1 to ignore. Received: labels "
            f"{wrong[:10]}."
        )
