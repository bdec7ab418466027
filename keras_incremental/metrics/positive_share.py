import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.losses.positive_unlabeled import checked_prior

# `exp` overflows beyond this value.
LARGEST = 500.0
STEPS = 60


def estimate_positive_share(logits: ArrayLike, prior: float = 0.5) -> float:
    """Estimates the share of positives among samples from their logits.

    The estimate is the fixed point of the EM steps

        share = mean(sigmoid(logits + logit(share) - logit(prior)))

    which is the maximum likelihood estimate. The classifier must be
    calibrated, and trained on positives and true negatives. If it was trained
    with the samples themselves as negatives, the estimate is too small.

    Reference:
    - [Saerens et al., 2002](https://doi.org/10.1162/089976602753284446)

    Args:
        logits: Array of any shape, logits of held-out samples.
        prior: Float between 0 and 1. Share of positives in the training data
            of the classifier. A larger value lowers the estimate. Defaults
            to `0.5`.

    Returns:
        Float from 0 to 1.

    Example:

    >>> round(estimate_positive_share([9.0, -9.0, -9.0, -9.0]), 3)
    0.25
    """
    logits = _checked_logits(logits)
    if not 0 < checked_prior(prior, "estimate_positive_share"):
        raise ValueError(
            "`prior` of estimate_positive_share must be above 0. Received: "
            f"prior={prior}. Pass the share of positives in training."
        )
    moved = np.clip(logits - np.log(prior / (1 - prior)), -LARGEST, LARGEST)
    gain = np.expm1(moved)
    low, high = 0.0, 1.0
    # The likelihood is concave in the share, so bisection finds its maximum.
    for _ in range(STEPS):
        middle = (low + high) / 2
        rises = np.mean(gain / (1 + middle * gain)) > 0
        low, high = (middle, high) if rises else (low, middle)
    return float((low + high) / 2)


def _checked_logits(logits):
    logits = np.asarray(logits, "float64")
    if not logits.size or not np.isfinite(logits).all():
        raise ValueError(
            "`logits` must be finite numbers, at least one. Received: "
            f"logits.shape={logits.shape}. Remove NaN and infinite values."
        )
    return logits
