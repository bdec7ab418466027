"""Softmax and entropy of NumPy arrays."""

import math

import numpy as np
from numpy.typing import ArrayLike


def logsumexp(logits: np.ndarray) -> np.ndarray:
    """Computes `log(sum(exp(logits)))` over the last axis.

    Args:
        logits: Float array of shape `(..., num_classes)`.

    Returns:
        Array of shape `(..., 1)`.
    """
    highest = logits.max(-1, keepdims=True)
    return highest + np.log(np.exp(logits - highest).sum(-1, keepdims=True))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Computes the softmax over the last axis, in the dtype of the logits."""
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def normalized_entropy(logits: ArrayLike) -> np.ndarray:
    """Computes the entropy of a softmax, divided by its maximum.

    Args:
        logits: Array of shape `(..., num_classes)`.

    Returns:
        Array of shape `(...)`: 0 for a certain prediction, 1 if all classes
        are equally probable; 0 for a single class.
    """
    logits = np.asarray(logits)
    if logits.dtype.kind != "f":
        logits = logits.astype("float64")
    if logits.shape[-1] == 1:
        return np.zeros(logits.shape[:-1], logits.dtype)
    probabilities = softmax(logits)
    # The limit of p * log(p) at 0 is 0.
    logs = np.log(np.where(probabilities > 0, probabilities, 1))
    entropy = -(probabilities * logs).sum(-1) / math.log(logits.shape[-1])
    return np.clip(entropy, 0, 1)


def entropy_thresholds(
    entropies: ArrayLike,
    predicted: ArrayLike,
    num_classes: int,
    minimum: float = 0.05,
) -> np.ndarray:
    """Computes the entropy below which a prediction counts as certain.

    The threshold of a class is the median entropy of its predictions, so
    about half of the predictions of each class are certain.

    Reference:
    - [Douillard et al., 2021](https://arxiv.org/abs/2011.11390)

    Args:
        entropies: Floats of any shape. See `normalized_entropy`.
        predicted: Ints of the same shape, the predicted classes.
        num_classes: Int.
        minimum: Float. Lower bound of the thresholds, and the threshold of
            classes without predictions. Defaults to `0.05`.

    Returns:
        Float array of shape `(num_classes,)`.
    """
    entropies, predicted = np.asarray(entropies), np.asarray(predicted)
    found = [entropies[predicted == k] for k in range(num_classes)]
    medians = [np.median(part) if part.size else 0.0 for part in found]
    return np.maximum(medians, minimum)
