"""Columns of a linear head that are solved from statistics, and calibrated."""

import dataclasses
import functools

import numpy as np

from keras_incremental.statistics import FeatureStatistics
from keras_incremental.statistics.discriminants import preferred
from keras_incremental.statistics.gram import Gram
from keras_incremental.statistics.gram import Penalty
from keras_incremental.statistics.gram import best_penalty
from keras_incremental.statistics.row_statistics import RowStatistics
from keras_incremental.utils import large_arrays
from keras_incremental.utils import long_progress

Statistics = FeatureStatistics | RowStatistics
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
class RidgeSolution:
    """A ridge regression on one-hot labels in which all classes weigh the same.

    Its scores of a sample are `features @ kernel + bias`.

    Attributes:
        statistics: `FeatureStatistics` or `RowStatistics` that it was solved
            from.
        gram: `SpectralGram` or `CorrectedGram` of them.
        penalty: `Penalty` of the weights.
        kernel: Array of shape `(features, classes)`.
    """

    statistics: Statistics
    gram: Gram
    penalty: Penalty
    kernel: np.ndarray

    @property
    def center(self) -> np.ndarray:
        """Array of shape `(features,)`: the mean of the means."""
        return self.statistics.means.mean(0)

    @property
    def each(self) -> float:
        """Float. How many samples each class counts as."""
        return len(self.statistics) / len(self.statistics.counts)

    @property
    def bias(self) -> np.ndarray:
        """Array of shape `(classes,)`."""
        share = 1 / len(self.statistics.counts)
        return share - self.center @ self.kernel

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Returns the scores of samples, of shape `(samples, classes)`."""
        return features @ self.kernel + self.bias

    def left_out(self, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Returns the scores of samples by the solution without each of them.

        Exact for the same penalty: without a sample the mean of its class
        moves by `step`, and the Gram matrix changes along the distance of
        the sample from the mean and the distance of the mean from the
        center, which a solution of two equations follows.

        Args:
            features: Array of shape `(samples, features)`, samples that the
                solution was made of, of classes with two samples or more.
            labels: Ints of shape `(samples,)`.
        """
        statistics, each = self.statistics, self.each
        num_classes = len(statistics.counts)
        rest = statistics.counts[labels] - 1
        # Of all classes only those of the samples: there may be thousands.
        shown, own_class = np.unique(labels, return_inverse=True)
        distances = np.concatenate(
            [
                features - statistics.means[labels],
                features - self.center,
                statistics.means[shown] - self.center,
            ]
        )
        parts = [len(labels), 2 * len(labels)]
        left, right = self.gram.sides(distances, self.penalty)
        away, own, steps = np.split(left, parts)
        away_right, _, steps_right = np.split(right, parts)
        away_scores, scores, step_scores = np.split(
            distances @ self.kernel, parts
        )
        moved = np.full((len(labels), num_classes), -1 / num_classes)
        moved[np.arange(len(labels)), labels] += 1
        moved *= (-each / rest)[:, None]
        # The center moves with the mean of the class.
        share = 1 / (rest * num_classes)[:, None]
        own = own + share * away
        scores = scores + share * away_scores + 1 / num_classes
        scores += np.sum(own * away_right, -1)[:, None] * moved
        sides = np.stack([away, steps[own_class]], 1)
        right = np.stack([away_right, steps_right[own_class]], 1)
        right = np.swapaxes(right, 1, 2)
        products = sides @ right
        side_scores = np.stack([away_scores, step_scores[own_class]], 1)
        side_scores = side_scores + products[:, :, :1] * moved[:, None]
        change = _change(rest, each, num_classes)
        inner = np.linalg.solve(np.eye(2) + products @ change, side_scores)
        along = own[:, None] @ right
        return scores - (along @ change @ inner)[:, 0]


def _change(rest, each, num_classes):
    """Returns how the Gram matrix changes along both sides."""
    change = np.zeros((len(rest), 2, 2))
    between = each * (1 - 1 / num_classes) / rest**2
    change[:, 0, 0] = between - (rest + 1) / rest
    change[:, 0, 1] = change[:, 1, 0] = -each / rest
    return change


def solved(statistics: Statistics) -> RidgeSolution:
    """Returns the solution for statistics, its penalty the most probable one.

    Classes weigh the same, however many samples they have: a class of 20
    samples beside others of 500 is otherwise hardly ever the answer (the
    figures are in `examples/which_method.md`). As all
    classes share one scatter, it stays as it is, and only the distances
    between their means get other weights.

    Args:
        statistics: `FeatureStatistics` or `RowStatistics`, with samples of
            each class.
    """
    each = len(statistics) / len(statistics.counts)
    steps = statistics.means - statistics.means.mean(0)
    gram = statistics.gram(each, steps)
    penalty = best_penalty(gram)
    # Directions that were left out are as uncertain as all others at least.
    ridge = max(penalty.ridge, statistics.remainder)
    penalty = Penalty(ridge, penalty.cosine)
    return RidgeSolution(statistics, gram, penalty, gram.kernel(penalty))


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
