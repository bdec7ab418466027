import numpy as np
from numpy.typing import ArrayLike


def calibration_error(
    labels: ArrayLike, probabilities: ArrayLike, num_bins: int = 15
) -> float:
    """Computes the expected calibration error with bins of equal width.

    The confidence is the largest probability. A confidence of exactly 1 is in
    the last bin, and empty bins are ignored. Evaluate old and new classes
    separately: overconfident and underconfident predictions can cancel.

    Reference:
    - [Guo et al., 2017](https://arxiv.org/abs/1706.04599)

    Args:
        labels: Ints of shape `(num_samples,)`, the true classes.
        probabilities: Floats of shape `(num_samples, num_classes)`.
        num_bins: Int, 1 or more. More bins are finer and need more samples.
            Defaults to `15`.

    Returns:
        Float from 0 to 1; NaN without samples.

    Example:

    >>> from keras_incremental.metrics import calibration_error
    >>> round(calibration_error([0, 1], [[0.8, 0.2], [0.8, 0.2]]), 2)
    0.3
    """
    labels, probabilities = _checked(labels, probabilities)
    if num_bins < 1:
        raise ValueError(
            f"`num_bins` must be 1 or more. Received: num_bins={num_bins}. "
            "Use 15."
        )
    if not len(labels):
        return float("nan")
    confidence = probabilities.max(-1)
    right = probabilities.argmax(-1) == labels
    bins = np.floor(confidence * num_bins).astype(int).clip(0, num_bins - 1)
    gaps = np.bincount(bins, weights=right - confidence, minlength=num_bins)
    return float(np.abs(gaps).sum() / len(labels))


def calibration_by_age(
    labels: ArrayLike,
    probabilities: ArrayLike,
    num_old: int,
    num_bins: int = 15,
) -> dict[str, float]:
    """Computes the calibration error of old and of new classes.

    Args:
        labels: Ints of shape `(num_samples,)`, the true classes.
        probabilities: Floats of shape `(num_samples, num_classes)`.
        num_old: Int. The classes from `0` to `num_old - 1` are old.
        num_bins: Int. Defaults to `15`.

    Returns:
        Dict with the keys `"old"`, `"new"` and `"all"`. See
        `calibration_error`.
    """
    labels, probabilities = _checked(labels, probabilities)
    parts = {
        "old": labels < num_old,
        "new": labels >= num_old,
        "all": slice(None),
    }
    return {
        name: calibration_error(labels[part], probabilities[part], num_bins)
        for name, part in parts.items()
    }


def _checked(labels, probabilities):
    labels = np.asarray(labels, int)
    probabilities = np.asarray(probabilities, float)
    sums = probabilities.sum(-1)
    if len(sums) and not np.allclose(sums, 1, atol=1e-3):
        raise ValueError(
            "`probabilities` must sum to 1 in each row. Received: sums from "
            f"{sums.min()} to {sums.max()}. Apply a softmax to logits."
        )
    return labels, probabilities
