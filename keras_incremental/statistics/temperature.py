"""The factor that makes logits of scores."""

import numpy as np

# Logarithms of the factors between which it is searched.
LEAST, MOST = -7.0, 14.0
ROUNDS, PRECISE = 60, 1e-10


def best_factor(scores: np.ndarray, labels: np.ndarray) -> float:
    """Returns the factor of least crossentropy, the inverse temperature.

    Each class counts the same, however many samples it has. As in Platt's
    scaling, one sample more is taken to be wrong, so that samples that are
    all right give a finite factor, and few samples a small one.

    Reference:
    - [Guo et al., 2017](https://arxiv.org/abs/1706.04599), temperature; Platt,
      1999, Probabilistic outputs for support vector machines

    Args:
        scores: Array of shape `(samples, classes)`, of samples that the
            scores were not fitted to.
        labels: Ints of shape `(samples,)`.

    Returns:
        Float above 0; `1.0` without samples or with one class.
    """
    size, num_classes = scores.shape
    if not size or num_classes < 2:
        return 1.0
    _, own, counts = np.unique(labels, return_inverse=True, return_counts=True)
    weights = 1 / counts[own]
    scores = scores - scores.mean(-1, keepdims=True)
    # The mean of the scores is 0, so the share of other classes is simple.
    wrong = 1 / (size + 2)
    right = np.take_along_axis(scores, labels[:, None], -1)[:, 0]
    wanted = weights @ right * (1 - wrong * num_classes / (num_classes - 1))
    low, high = LEAST, MOST
    guess = (low + high) / 2
    for _ in range(ROUNDS):
        expected, slope = _expected(scores, weights, np.exp(guess))
        if expected < wanted:
            low = guess
        else:
            high = guess
        # A step of Newton's method, or half of what is left.
        step = (wanted - expected) / slope if slope > 0 else np.inf
        inside = low < guess + step < high
        last, guess = guess, guess + step if inside else (low + high) / 2
        if abs(guess - last) < PRECISE:
            break
    return float(np.exp(guess))


def _expected(scores, weights, factor):
    """Returns the expected score, and how it grows with the logarithm."""
    logits = factor * (scores - scores.max(-1, keepdims=True))
    shares = np.exp(logits)
    shares /= shares.sum(-1, keepdims=True)
    means = np.sum(shares * scores, -1)
    squares = np.sum(shares * np.square(scores), -1)
    return weights @ means, factor * (weights @ (squares - means**2))
