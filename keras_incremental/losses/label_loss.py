"""Base classes of losses with one integer label per sample or pixel."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_incremental.losses.shapes import broadcast_weights
from keras_incremental.losses.shapes import squeeze_labels
from keras_incremental.utils import state
from keras_incremental.utils.masking import masked_logsumexp
from keras_incremental.utils.phase import Phase
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor

# The label of a sample without a label.
UNLABELED = -1


class LabelLoss(keras.losses.Loss):
    """Base class of losses of integer labels and logits.

    Samples with the label -1 are ignored, also by the mean. Other labels
    outside the classes raise a `ValueError` if the labels are NumPy arrays.
    In a compiled step they give a loss of 1e9.

    Subclasses implement `losses(labels, logits)`, which returns one value
    for each position. They return the arguments that depend on the phase
    from `phase_config`.

    Args:
        reduction: See `keras.losses.Loss`. Defaults to
            `"sum_over_batch_size"`.
        name: String. Defaults to `None`.
    """

    from_logits: bool = True

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
    ):
        # Labels beyond 256 are not exact in bfloat16.
        super().__init__(name=name, reduction=reduction, dtype="float32")

    def losses(self, labels: Tensor, logits: Tensor) -> Tensor:
        """Computes the loss of each position.

        Args:
            labels: Ints of shape `(batch_size, ...)`.
            logits: Tensor of shape `(batch_size, ..., num_classes)`.

        Returns:
            Tensor of shape `(batch_size, ...)`.
        """
        raise NotImplementedError

    def phase_config(self, phase: Phase) -> Config:
        """Returns the arguments that depend on the phase, as a dict."""
        return {}

    def for_phase(self, phase: Phase) -> "LabelLoss":
        """Returns a copy of the loss for a phase."""
        config = {**self.get_config(), **self.phase_config(phase)}
        return type(self).from_config(config)

    def __call__(self, y_true, y_pred, sample_weight=None):
        if isinstance(y_true, (np.ndarray, list, tuple, int)):
            check_labels(y_true, np.shape(y_pred)[-1], type(self).__name__)
        y_pred = ops.convert_to_tensor(y_pred)
        sample_weight = broadcast_weights(sample_weight, y_pred)
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        labels = ops.cast(squeeze_labels(y_true, y_pred), "int32")
        is_labeled = ops.not_equal(labels, UNLABELED)
        losses = ops.where(is_labeled, self.losses(labels, y_pred), 0.0)
        return state.set_mask(losses, is_labeled)


def reads_replayed(loss):
    """Returns whether a loss takes a dict of labels and replay flags."""
    return getattr(loss, "reads_replayed", False)


class OldNewLoss(LabelLoss):
    """Base class of losses that treat old and new classes differently.

    Args:
        num_old: Int, 0 or more. Number of old classes. Set by `for_phase`.
            Defaults to `0`.
        reduction: See `keras.losses.Loss`. Defaults to
            `"sum_over_batch_size"`.
        name: String. Defaults to `default_name`.
    """

    default_name: str | None = None

    def __init__(
        self,
        num_old: int = 0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
    ):
        super().__init__(reduction, name or self.default_name)
        self.num_old = checked_num_old(num_old, type(self).__name__)

    def phase_config(self, phase: Phase) -> Config:
        return {"num_old": phase.num_old}

    def get_config(self) -> Config:
        return {**super().get_config(), "num_old": self.num_old}


def crossentropy_among(
    labels: Tensor, logits: Tensor, mask: Tensor | bool
) -> Tensor:
    """Computes the crossentropy of a softmax over some of the classes.

    Args:
        labels: Ints of shape `(...)`.
        logits: Tensor of shape `(..., num_classes)`.
        mask: Boolean tensor that broadcasts to the shape of `logits`. The
            softmax is taken over its classes. Other classes get no gradient.

    Returns:
        Tensor of shape `(...)`; 1e9 for a label outside the classes.
    """
    # The loss does not change, and large logits keep their digits.
    logits = logits - ops.stop_gradient(ops.max(logits, axis=-1, keepdims=True))
    chosen = one_hot(labels, logits.shape[-1])
    return masked_logsumexp(logits, mask) - masked_logsumexp(logits, chosen)


def one_hot(labels: Tensor, num_classes: int) -> Tensor:
    """Returns one-hot labels as a boolean tensor.

    Args:
        labels: Ints of shape `(...)`.
        num_classes: Int.

    Returns:
        Boolean tensor of shape `(..., num_classes)`; all `False` for a label
        outside the classes.
    """
    classes = ops.arange(num_classes, dtype="int32")
    return ops.equal(ops.expand_dims(labels, -1), classes)


def check_labels(labels: Any, num_classes: int, owner: str) -> None:
    """Raises a `ValueError` if a label is neither a class nor -1."""
    labels = np.asarray(labels)
    allowed = [UNLABELED, *range(num_classes)]
    wrong = np.setdiff1d(labels, allowed).tolist()
    if wrong:
        raise ValueError(
            f"`y_true` of {owner} must hold labels from 0 to "
            f"{num_classes - 1}, or -1 for samples without a label. "
            f"Received: labels {wrong[:10]}."
        )


def checked_num_old(num_old: int, owner: str) -> int:
    """Returns `num_old` as an int, or raises a `ValueError`."""
    whole = isinstance(num_old, (int, np.integer))
    if not whole or isinstance(num_old, bool) or num_old < 0:
        raise ValueError(
            f"`num_old` of {owner} must be an int of 0 or more. Received: "
            f"num_old={num_old!r}."
        )
    return int(num_old)
