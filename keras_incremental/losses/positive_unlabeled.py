import keras
import numpy as np
from keras import ops

from keras_incremental.losses.positions import one_per_position
from keras_incremental.losses.positions import spread_weights
from keras_incremental.utils import state
from keras_incremental.utils.export import export

IGNORED, UNLABELED, POSITIVE = -1, 0, 1


@export
class PositiveUnlabeledLoss(keras.losses.Loss):
    """Learns a yes or no where only some of the yes are labeled.

    The new class was found in some pictures, and what is unlabeled holds a
    share `prior` of it that nobody marked. Taken for negatives, these would
    teach the class away; left out, nothing says "no". Here they are counted
    off, with the logit `s` of the class, by the non-negative risk

        prior * mean(softplus(-s[positive])) + max(-beta, rest)
        rest = mean(softplus(s[unlabeled]))
               - prior * mean(softplus(s[positive]))

    The risk of the negatives, `rest`, is not negative but by overfitting.
    Where it falls below `-beta`, the step goes against that alone. Both means
    are of one batch, so let a batch hold several of each.

    For a class that came out of an old one, `s` is the logit of the child
    less that of its parent, and the unlabeled are old samples of the parent.

    Reference:
    - [Kiryo et al., 2017](https://arxiv.org/abs/1703.00593)

    Args:
        prior: Float, 0 or more and below 1. The share of positives in what is
            unlabeled. A larger value finds more of them, and more that are
            none. Estimate it by counting them in a hundred samples, or see
            `losses.estimated_share`.
        beta: Float, 0 or more. How far below 0 `rest` may fall. A larger
            value corrects later. Defaults to `0.0`.
        gamma: Float, 0 or more. Size of the step that corrects it. Defaults
            to `1.0`.
        reduction: See `keras.losses.Loss`. Defaults to
            `"sum_over_batch_size"`.
        name: String. Defaults to `"positive_unlabeled_loss"`.

    Input shape:
        `y_true`: ints, `(batch_size, ...)` or `(batch_size, ..., 1)`: 1 for
        positive, 0 for unlabeled; -1 does not count.
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
                "PositiveUnlabeledLoss reads one logit for each position. "
                f"Received: y_pred.shape={tuple(y_pred.shape)}. For a class "
                "that came out of another give `z[..., child, None] - z[..., "
                "parent, None]`."
            )
        if isinstance(y_true, (np.ndarray, list, tuple, int)):
            _check_labels(y_true)
        labels = ops.convert_to_tensor(y_true, dtype="float32")
        labels = one_per_position(labels, y_pred)
        weights = spread_weights(sample_weight, y_pred)
        each = ops.ones_like(labels)
        each = each if weights is None else each * weights
        # `rest` needs the weights, which Keras keeps from `call`.
        pairs = ops.stack([labels, each], axis=-1)
        return super().__call__(pairs, y_pred, weights)

    def call(self, y_true, y_pred):
        labels, weights = y_true[..., 0], y_true[..., 1]
        counts = ops.not_equal(labels, IGNORED)
        positive, rest = _parts(labels, y_pred[..., 0], self.prior)
        overfits = ops.sum(weights * rest) < -self.beta
        number = ops.sum(ops.cast(counts, rest.dtype))
        corrected = _valued(
            positive - self.beta / ops.maximum(number, 1.0), -self.gamma * rest
        )
        losses = ops.where(overfits, corrected, positive + rest)
        # The mean that follows is over the positions that count.
        losses = ops.where(counts, losses * number, 0.0)
        return state.set_mask(losses, counts)

    def get_config(self):
        return {
            **super().get_config(),
            "prior": self.prior,
            "beta": self.beta,
            "gamma": self.gamma,
        }


def _parts(labels, logits, prior):
    """What each position adds to the risk of positives and of negatives."""
    is_positive = ops.equal(labels, POSITIVE)
    is_unlabeled = ops.equal(labels, UNLABELED)
    positives = _shared(is_positive) * prior
    # Without anything unlabeled, nothing is known of the negatives.
    known = ops.cast(ops.any(is_unlabeled), logits.dtype)
    yes, no = ops.softplus(-logits), ops.softplus(logits)
    rest = (_shared(is_unlabeled) - positives) * known * no
    return positives * yes, rest


def _shared(chosen):
    """Weights that make a sum the mean over what is chosen."""
    chosen = ops.cast(chosen, "float32")
    return chosen / ops.maximum(ops.sum(chosen), 1.0)


def _valued(value, slope):
    """Something of one value and the gradient of another."""
    return ops.stop_gradient(value - slope) + slope


def checked_prior(prior, owner):
    """A share of positives, refused outside 0 and 1."""
    if isinstance(prior, bool) or not 0 <= prior < 1:
        raise ValueError(
            f"`prior` of {owner} must be 0 or more and below 1. Received: "
            f"prior={prior!r}."
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
            f"for unlabeled, or -1 for none. Received: {wrong[:10]}."
        )
