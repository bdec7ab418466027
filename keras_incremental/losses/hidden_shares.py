"""How much of a new class is hidden in what is not labeled for it."""

import numpy as np

from keras_incremental.losses.positive_unlabeled import checked_prior

# Beyond it `exp` overflows; probabilities are 0 or 1 long before.
LARGEST = 500.0
STEPS = 60


def estimated_share(logits, prior: float = 0.5) -> float:
    """The share of positives in samples, from what a classifier says of them.

    It is the fixed point of the EM steps

        share = mean(sigmoid(logits + logit(share) - logit(prior)))

    the share under which the samples are most likely. The classifier must be
    calibrated, and trained on positives and true negatives. One that was
    trained with the samples themselves as negatives finds too few.

    Reference:
    - [Saerens et al., 2002](https://doi.org/10.1162/089976602753284446)

    Args:
        logits: Array of any shape: logits of held-out
            samples.
        prior: Float above 0, below 1: the share of positives where the
            classifier was trained. A larger value lowers the estimate.
            Defaults to `0.5`.

    Returns:
        Float from 0 to 1.

    Example:

    >>> round(estimated_share([9.0, -9.0, -9.0, -9.0]), 3)
    0.25
    """
    logits = _checked_logits(logits)
    if not 0 < checked_prior(prior, "estimated_share"):
        raise ValueError(
            "`prior` of estimated_share must be above 0. Received: "
            f"prior={prior}. Give the share of positives in training."
        )
    moved = np.clip(logits - np.log(prior / (1 - prior)), -LARGEST, LARGEST)
    gain = np.expm1(moved)
    low, high = 0.0, 1.0
    # The likelihood is concave in the share, so its slope falls.
    for _ in range(STEPS):
        middle = (low + high) / 2
        rises = np.mean(gain / (1 + middle * gain)) > 0
        low, high = (middle, high) if rises else (low, middle)
    return float((low + high) / 2)


def prior_corrected(
    logits, prior: float, num_positive: int, num_unlabeled: int
) -> np.ndarray:
    """Probabilities from a classifier that took the unlabeled for negatives.

    Such a classifier learns how many labeled positives there are for each
    unlabeled sample, so the probability of an unlabeled one is

        min(1, prior * num_unlabeled / num_positive * exp(logit))

    It needs no training of its own, but a classifier that fits well; else
    `PositiveUnlabeledLoss` finds more.

    Args:
        logits: Array of any shape, of a classifier trained by crossentropy.
        prior: Float above 0, below 1: the share of positives in what is
            unlabeled. A larger value finds more.
        num_positive: Int: how many labeled positives it was trained on.
        num_unlabeled: Int: how many samples it took for negatives.

    Returns:
        Array of the shape of `logits`.

    Example:

    >>> prior_corrected([0.0, 3.0], 0.2, 100, 200).round(3)
    array([0.4, 1. ])
    """
    logits = _checked_logits(logits)
    prior = checked_prior(prior, "prior_corrected")
    if min(num_positive, num_unlabeled) < 1:
        raise ValueError(
            "`prior_corrected` needs how many samples there were. Received: "
            f"num_positive={num_positive}, num_unlabeled={num_unlabeled}."
        )
    ratio = prior * num_unlabeled / num_positive
    return np.minimum(1.0, ratio * np.exp(np.minimum(logits, LARGEST)))


def _checked_logits(logits):
    logits = np.asarray(logits, "float64")
    if not logits.size or not np.isfinite(logits).all():
        raise ValueError(
            "`logits` must be finite numbers, at least one. Received: shape "
            f"{logits.shape}."
        )
    return logits
