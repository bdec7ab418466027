"""Columns of a linear head that are solved from statistics, and calibrated."""

import dataclasses
import functools

import numpy as np

from keras_incremental.statistics import FeatureStatistics
from keras_incremental.statistics.discriminants import preferred
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
class LinearColumns:
    """A column of a kernel and a bias for each class.

    Attributes:
        kernel: Array of shape `(features, classes)`.
        bias: Array of shape `(classes,)`.
    """

    kernel: np.ndarray
    bias: np.ndarray

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Returns the logits of samples."""
        return features @ self.kernel + self.bias


@dataclasses.dataclass(frozen=True)
class TurnedColumns:
    """Columns of features along a basis, that predict from the features.

    The kernel is turned back when it is first asked for: several heads may
    be solved before one of them predicts.

    Attributes:
        basis: Array of shape `(features, features)`, orthonormal.
        along: `LinearColumns` of `features @ basis`.
    """

    basis: np.ndarray
    along: LinearColumns

    @functools.cached_property
    def kernel(self) -> np.ndarray:
        """Array of shape `(features, classes)`, of float32."""
        turned = (self.along.kernel.T @ self.basis.T).T
        return turned.astype("float32")

    @property
    def bias(self) -> np.ndarray:
        """Array of shape `(classes,)`, of float32."""
        return self.along.bias.astype("float32")

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Returns the logits of samples."""
        return features @ self.kernel + self.bias


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

    Ridge regression on one-hot labels, its penalty the most probable one, or
    linear discriminants with this penalty where they are expected to be right
    more often, see `preferred` of `keras_incremental.statistics.discriminants`;
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
    columns = LinearColumns(solution.kernel, solution.bias)
    discriminants = preferred(solution)
    if discriminants is not None:
        scores = discriminants.scores(scores)
        columns = LinearColumns(
            discriminants.turned(columns.kernel),
            discriminants.scores(columns.bias),
        )
    factor = best_factor(scores, labels)
    columns = LinearColumns(factor * columns.kernel, factor * columns.bias)
    return columns, LeftOut(features, labels, factor * scores)


def solve_in_units(
    statistics: FeatureStatistics, features: np.ndarray, labels: np.ndarray
) -> tuple[LinearColumns, LeftOut]:
    """Returns what `solve_columns` does, of features of any size.

    Where these differ too much for one penalty, each is divided by how far it
    varies, see `units_of` of `keras_incremental.statistics.units`.

    Args:
        statistics: `FeatureStatistics`, with samples of each class.
        features: See `solve_columns`, as is `labels`.
        labels: Ints of shape `(samples,)`.
    """
    units = statistics.units()
    if units is None:
        return solve_columns(statistics, features, labels)
    rows = statistics.counts[labels] > 1
    features, labels = features[rows], labels[rows]
    columns, left_out = solve_columns(
        statistics.in_units(units), features / units, labels
    )
    kernel = columns.kernel / units[:, None]
    return (
        LinearColumns(kernel, columns.bias),
        dataclasses.replace(left_out, features=features),
    )


def offsets_of(weights: np.ndarray | None) -> np.ndarray | float:
    """Returns what is added to logits, so that weighted classes are chosen.

    With logits `log p` the largest is then that of `w p`, the probabilities
    where classes are so much more frequent. The mean of the weights counts
    as 1.

    Args:
        weights: Array of shape `(classes,)`, or `None` for equal ones.
    """
    return 0.0 if weights is None else np.log(weights / np.mean(weights))


def weighted(
    columns: LinearColumns, weights: np.ndarray | None
) -> LinearColumns:
    """Returns columns whose classes have weights, see `offsets_of`."""
    return LinearColumns(columns.kernel, columns.bias + offsets_of(weights))


def is_worse(
    solved: np.ndarray,
    old: np.ndarray,
    surely: bool,
    weights: np.ndarray | None = None,
) -> bool:
    """Returns whether a solved head loses more samples than it wins.

    Args:
        solved: Bools, which samples the solved head has right.
        old: The same of the old head.
        surely: Bool. Whether by more than the standard error.
        weights: Array of as many weights. Defaults to `None`, all 1.
    """
    weights = np.ones(len(old)) if weights is None else weights
    won = weights * (np.int8(solved) - np.int8(old))
    error = np.sqrt(np.square(won).sum())
    return bool(-won.sum() > (error if surely else 0))


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
