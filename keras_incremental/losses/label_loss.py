"""What the losses of one label for each sample share."""

import keras
import numpy as np
from keras import ops

from keras_incremental.losses.positions import one_per_position
from keras_incremental.losses.positions import spread_weights
from keras_incremental.utils import state

# The label of a sample that nobody labeled.
UNLABELED = -1
# Finite in float32, and its exponential is exactly 0.
_EXCLUDED = -1e9


class LabelLoss(keras.losses.Loss):
    """Base of losses of int labels and logits that may know the phase.

    Samples with the label -1 do not count, in the mean neither. Other labels
    outside the classes raise `ValueError` where labels are NumPy arrays;
    within a compiled step they give a loss of 1e9.

    A subclass computes `losses(labels, logits)`, one for each position, and
    names in `phase_config` which of its arguments a phase tells.
    """

    def __init__(self, reduction="sum_over_batch_size", name=None):
        # Labels beyond 256 are not exact in bfloat16.
        super().__init__(name=name, reduction=reduction, dtype="float32")

    def losses(self, labels, logits):
        raise NotImplementedError

    def phase_config(self, phase):
        """Dict of the arguments that a phase tells."""
        return {}

    def for_phase(self, phase):
        """A copy that knows the phase."""
        config = {**self.get_config(), **self.phase_config(phase)}
        return type(self).from_config(config)

    def __call__(self, y_true, y_pred, sample_weight=None):
        if isinstance(y_true, (np.ndarray, list, tuple, int)):
            check_labels(y_true, np.shape(y_pred)[-1], type(self).__name__)
        y_pred = ops.convert_to_tensor(y_pred)
        sample_weight = spread_weights(sample_weight, y_pred)
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true, y_pred):
        labels = ops.cast(one_per_position(y_true, y_pred), "int32")
        counts = ops.not_equal(labels, UNLABELED)
        losses = ops.where(counts, self.losses(labels, y_pred), 0.0)
        return state.set_mask(losses, counts)


class OldNewLoss(LabelLoss):
    """Base of losses that treat old and new classes differently.

    Args:
        num_old: Int, 0 or more: how many classes are old. A phase tells.
            Defaults to `0`.
        reduction: See `keras.losses.Loss`. Defaults to
            `"sum_over_batch_size"`.
        name: String. Defaults to `default_name`.
    """

    default_name = None

    def __init__(
        self,
        num_old: int = 0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
    ):
        super().__init__(reduction, name or self.default_name)
        self.num_old = checked_num_old(num_old, type(self).__name__)

    def phase_config(self, phase):
        return {"num_old": phase.num_old}

    def get_config(self):
        return {**super().get_config(), "num_old": self.num_old}


def crossentropy_among(labels, logits, among):
    """Crossentropy where only some classes compete.

    It is the candidate-set crossentropy of a label that is certain, chosen
    among the classes of `denominator`.

    Args:
        labels: Tensor of ints `(...)`.
        logits: Tensor `(..., num_classes)`.
        among: Boolean tensor of the shape of `logits`, or one that spreads
            to it: the classes that compete. Others get no gradient.

    Returns:
        Tensor `(...)`, 1e9 for a label that is no class.
    """
    # The loss does not change, and large logits keep their digits.
    logits = logits - ops.stop_gradient(ops.max(logits, axis=-1, keepdims=True))
    chosen = one_hot(labels, logits.shape[-1])
    return logsumexp_of(logits, among) - logsumexp_of(logits, chosen)


def logsumexp_of(logits, mask):
    """Logarithm of the summed exponentials of the classes in a mask."""
    return ops.logsumexp(only_among(logits, mask), axis=-1)


def only_among(logits, mask):
    """Logits of the classes in a mask; of others, what has no share."""
    return ops.where(mask, logits, _EXCLUDED)


def one_hot(labels, num_classes):
    """Boolean tensor `(..., num_classes)`, all false for no class."""
    classes = ops.arange(num_classes, dtype="int32")
    return ops.equal(ops.expand_dims(labels, -1), classes)


def check_labels(labels, num_classes, owner):
    """Raises if a label is neither a class nor -1."""
    labels = np.asarray(labels)
    allowed = [UNLABELED, *range(num_classes)]
    wrong = np.setdiff1d(labels, allowed).tolist()
    if wrong:
        raise ValueError(
            f"`y_true` of {owner} must hold labels from 0 to "
            f"{num_classes - 1}, or -1 for none. Received: {wrong[:10]}."
        )


def checked_num_old(num_old, owner):
    """The number of old classes, refused if it is not an int of 0 or more."""
    whole = isinstance(num_old, (int, np.integer))
    if not whole or isinstance(num_old, bool) or num_old < 0:
        raise ValueError(
            f"`num_old` of {owner} must be an int of 0 or more. Received: "
            f"num_old={num_old!r}."
        )
    return int(num_old)
