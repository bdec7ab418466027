"""Ridge regressions on one-hot labels, solved from statistics."""

import dataclasses

import numpy as np

from keras_incremental.statistics import FeatureStatistics
from keras_incremental.statistics.gram import Gram
from keras_incremental.statistics.gram import best_penalty
from keras_incremental.statistics.penalty import Penalty
from keras_incremental.statistics.row_statistics import RowStatistics

Statistics = FeatureStatistics | RowStatistics


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
