"""A linear head from statistics and new samples: scores and a temperature."""

import dataclasses

import numpy as np

from keras_incremental.statistics.linear_columns import LinearColumns
from keras_incremental.statistics.ridge_solution import Statistics
from keras_incremental.statistics.ridge_solution import solved
from keras_incremental.utils import large_arrays
from keras_incremental.utils import long_progress

# Bytes of features, or of scores, that are left out in turn at a time: 4 MiB.
AT_ONCE = 2**22
# Logarithms of the factors between which the best one is searched.
LEAST, MOST = -7.0, 14.0
ROUNDS, PRECISE = 60, 1e-10


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """Samples, with their logits of a head that was solved without each.

    Attributes:
        features: Array of shape `(samples, features)`.
        labels: Ints of shape `(samples,)`.
        logits: Array of shape `(samples, classes)`.
    """

    features: np.ndarray
    labels: np.ndarray
    logits: np.ndarray

    def only(self, chosen: np.ndarray) -> "LeftOut":
        """Returns some of the samples.

        Args:
            chosen: Bools of shape `(samples,)`.
        """
        return LeftOut(
            *(getattr(self, f.name)[chosen] for f in dataclasses.fields(self))
        )


def solve_columns(
    statistics: Statistics, features: np.ndarray, labels: np.ndarray
) -> tuple[LinearColumns, LeftOut]:
    """Returns the head solved from statistics, at its best temperature.

    Ridge regression on one-hot labels, its penalty the most probable one;
    one temperature, of least crossentropy on samples that are left out in
    turn, makes logits of the scores.

    Args:
        statistics: `FeatureStatistics` or `RowStatistics`, with samples of
            each class.
        features: Array of shape `(samples, features)`, samples that are in
            the statistics.
        labels: Ints of shape `(samples,)`.
    """
    solution = solved(statistics)
    # Without the only sample of its class there is no solution.
    rows = statistics.counts[labels] > 1
    if not rows.all():
        features, labels = features[rows], labels[rows]
    scores = np.zeros((len(labels), len(statistics.counts)))
    # Of thousands of classes scores take more room than features.
    wider = max(scores.nbytes / max(features.nbytes, 1), 1)
    parts = large_arrays.slices(features, int(AT_ONCE / wider))
    name = "leaving samples out in turn"
    for part in long_progress.steps_of(parts, name, len(features), "sample"):
        exact = features[part].astype("float64")
        scores[part] = solution.left_out(exact, labels[part])
    factor = best_factor(scores, labels)
    columns = LinearColumns(factor * solution.kernel, factor * solution.bias)
    return columns, LeftOut(features, labels, factor * scores)


def is_worse(solved: np.ndarray, old: np.ndarray, surely: bool) -> bool:
    """Returns whether a solved head loses more samples than it wins.

    Args:
        solved: Bools, which samples the solved head has right.
        old: The same of the old head.
        surely: Bool. Whether by more than the standard error.
    """
    lost = np.count_nonzero(old & ~solved)
    won = np.count_nonzero(solved & ~old)
    return bool(lost - won > (np.sqrt(lost + won) if surely else 0))


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
