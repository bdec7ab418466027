"""What describes a class: where its samples lie, and where they end."""

import dataclasses
from typing import Any

import numpy as np

from keras_incremental.layers.unlabeled_evidence import LEAST as LEAST_OTHERS
from keras_incremental.layers.unlabeled_evidence import told_from
from keras_incremental.layers.unlabeled_evidence import weigh_evidence
from keras_incremental.statistics.gaussian import RANK
from keras_incremental.statistics.gaussian import Gaussian

# Samples of a class that are enough to hold out some of them.
LEAST = 5
FOLDS = 5
PARTS = ("center", "directions", "shares")


@dataclasses.dataclass(frozen=True)
class Distances:
    """How far samples are from a class, in the features and in the logits.

    Each is a Mahalanobis distance, standardized by its values on samples of
    the class that are left out in turn.

    Attributes:
        gaussians: Tuple of `Gaussian`, in the features and in the logits.
        means: Array of shape `(2,)`, of the distances of left out samples.
        factors: Array of shape `(2,)`, one over their standard deviations.
        left_out: Array of shape `(samples, 2)`, these distances.
    """

    gaussians: tuple[Gaussian, Gaussian]
    means: np.ndarray
    factors: np.ndarray
    left_out: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray, logits: np.ndarray) -> "Distances":
        """Returns the distances from a class, of its samples."""
        found = np.stack([_left_out(rows) for rows in (features, logits)], 1)
        means, factors = found.mean(0), _factors(found)
        return cls(
            (Gaussian.of(features), Gaussian.of(logits)),
            means,
            factors,
            factors * (found - means),
        )

    def from_class(
        self, features: np.ndarray, logits: np.ndarray
    ) -> np.ndarray:
        """Returns the distances of samples, of shape `(samples, 2)`."""
        found = [
            gaussian.distances(rows)
            for gaussian, rows in zip(
                self.gaussians, (features, logits), strict=True
            )
        ]
        return self.factors * (np.stack(found, 1) - self.means)

    def line(self, bias: float, weights: np.ndarray) -> np.ndarray:
        """Returns the constant and the factors of distances as they are.

        Args:
            bias: Float.
            weights: Array of shape `(2,)`, so that a logit is `bias` and
                `weights` times the standardized distances.
        """
        roots = np.sqrt([gaussian.variance for gaussian in self.gaussians])
        factors = weights * self.factors
        return np.array([bias - factors @ self.means, *(-factors / roots)])


@dataclasses.dataclass(frozen=True)
class Description:
    """What describes a class.

    Attributes:
        rows: Dict of arrays, see `DescribedClasses`.
        others: Int. How many unlabeled samples are of other classes, and tell
            where this one ends; 0 where none do.
    """

    rows: dict[str, np.ndarray]
    others: int


def describe(
    features: np.ndarray,
    logits: np.ndarray,
    recall: float,
    unlabeled: tuple[np.ndarray, np.ndarray] | None = None,
    drawn: int = 0,
) -> Description:
    """Returns the description of a class.

    Its samples are near to each other in the features, and in what the head
    says of them. Both distances are standardized by their values on samples
    that are left out in turn, and the sum is compared with the one that a
    share `recall` of these samples stays below.

    Unlabeled samples of any mixture tell more: which of them are of other
    classes is found by these distances, then a column is solved that tells
    the class from them, and a logistic regression adds it to both distances.
    A share `recall` of the samples, left out in turn, stays of the class.
    What is farther from it than each of these is of another class all the
    same, whatever the unlabeled samples are of.

    Args:
        features: Array of shape `(num_samples, input_dim)`, of 5 samples or
            more.
        logits: Array of shape `(num_samples, base)`, of the classes that are
            not described.
        recall: Float in `(0, 1]`.
        unlabeled: Pair of features and logits, or `None`.
        drawn: Int. How many of the samples, the last ones, were drawn from
            an earlier description: they tell nothing beside unlabeled ones.
            Defaults to `0`.
    """
    logits = centered(logits, np)
    distances = Distances.of(features, logits)
    sums = distances.left_out.sum(-1)
    # The logistic distribution of the same spread.
    slope = np.pi / np.sqrt(3 * sums.var()) if sums.var() > 0 else 1.0
    threshold = np.quantile(sums, recall)
    apart = np.full(2, -slope)
    line = distances.line(slope * threshold, apart)
    column, others = np.zeros(features.shape[-1]), 0
    if unlabeled is not None:
        pair = unlabeled[0], centered(unlabeled[1], np)
        own = features[: len(features) - drawn]
        found = _beside(distances, own, pair, threshold, recall)
        line, column, others = found or (line, column, others)
    rows = {
        **_rows(distances.gaussians[0], ""),
        **_rows(distances.gaussians[1], "logit_"),
        "line": line,
        "limit": distances.line(slope * sums.max(), apart),
        "column": column,
        "spread": np.array([distances.gaussians[0].variance, len(features)]),
    }
    return Description(rows, others)


def centered(logits: Any, numpy: Any) -> Any:
    """Returns logits of mean 0: a softmax does not change where all do alike.

    Args:
        logits: Array or tensor of shape `(..., classes)`.
        numpy: Module to compute with: `numpy` or `keras.ops`.
    """
    return logits - numpy.mean(logits, axis=-1, keepdims=True)


def _beside(distances, features, unlabeled, threshold, recall):
    """Returns a line, a column, and the number of others; or `None`."""
    own, away = distances.left_out, distances.from_class(*unlabeled)
    own = own[: len(features)]
    if len(own) < LEAST:
        return None
    guess = (away.sum(-1) < threshold).astype("float64")
    found = weigh_evidence(own, away, guess)
    others = None if found is None else found.shares < 0.5
    if others is None or others.sum() < LEAST_OTHERS:
        return None
    column, known, told = told_from(features, unlabeled[0][others])
    logits = column.scores(unlabeled[0])
    logits[others] = told
    mean, factor = known.mean(), _factors(known)
    own = np.column_stack([own, factor * (known - mean)])
    away = np.column_stack([away, factor * (logits - mean)])
    found = weigh_evidence(own, away, found.shares)
    if found is None:
        return None
    *weights, weight = found.weights
    weight = weight * factor
    least = np.quantile(found.logits(own), 1 - recall)
    bias = found.bias + max(-least, 0) + weight * (column.bias - mean)
    return (
        distances.line(bias, np.array(weights)),
        weight * column.kernel,
        int(np.count_nonzero(found.shares < 0.5)),
    )


def _factors(values):
    """Returns one over standard deviations: what is the same says nothing."""
    spread = values.std(0)
    return np.where(spread > 0, 1 / np.where(spread > 0, spread, 1), 0.0)


def _left_out(samples):
    """Returns the distance of each sample from the others."""
    order = np.random.default_rng(0).permutation(len(samples))
    distances = np.zeros(len(samples))
    for rows in np.array_split(order, FOLDS):
        others = np.setdiff1d(order, rows)
        distances[rows] = Gaussian.of(samples[others]).distances(samples[rows])
    return distances


def _rows(gaussian, prefix):
    """Returns the parts of a distribution, of the same rank for all."""
    size, rank = gaussian.directions.shape
    missing = min(RANK, size) - rank
    parts = (
        gaussian.center,
        np.pad(gaussian.directions, ((0, 0), (0, missing))),
        np.pad(gaussian.shares, (0, missing), constant_values=1.0),
    )
    return {prefix + name: v for name, v in zip(PARTS, parts, strict=True)}
