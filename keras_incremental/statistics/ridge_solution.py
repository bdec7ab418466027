"""A linear head solved from statistics, and without single samples."""

import dataclasses

import numpy as np

from keras_incremental.statistics import FeatureStatistics
from keras_incremental.statistics import evidence


@dataclasses.dataclass(frozen=True)
class RidgeSolution:
    """A ridge regression on one-hot labels in which all classes weigh the same.

    Its scores of a sample are `features @ kernel + bias`.

    Attributes:
        statistics: `FeatureStatistics` that it was solved from.
        vectors: Array of shape `(features, found)`: the eigenvectors of the
            Gram matrix. Where samples are few, no others than those in which
            they differ.
        penalized: Array of shape `(found,)`: its eigenvalues and the ridge.
        kernel: Array of shape `(features, classes)`.
    """

    statistics: FeatureStatistics
    vectors: np.ndarray
    penalized: np.ndarray
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

        Exact for the same ridge: without a sample the mean of its class
        moves by `step`, and the Gram matrix changes along the distance of
        the sample from the mean and the distance of the mean from the
        center, which a solution of two equations follows.

        Args:
            features: Array of shape `(samples, features)`, samples that the
                solution was made of, of classes with two samples or more.
            labels: Ints of shape `(samples,)`.
        """
        statistics, each = self.statistics, self.each
        num_classes, rest = (
            len(statistics.counts),
            statistics.counts[labels] - 1,
        )
        away = features - statistics.means[labels]
        steps = statistics.means - self.center
        moved = np.eye(num_classes)[labels] - 1 / num_classes
        moved *= (-each / rest)[:, None]
        sides = np.stack([self._whitened(away), self._whitened(steps)[labels]])
        side_scores = np.stack(
            [away @ self.kernel, (steps @ self.kernel)[labels]]
        )
        # The center moves with the mean of the class.
        own = self._whitened(features - self.center)
        own = own + sides[0] / (rest * num_classes)[:, None]
        scores = self.scores(features)
        scores += side_scores[0] / (rest * num_classes)[:, None]
        scores += np.sum(own * sides[0], -1)[:, None] * moved
        products = np.einsum("inf,jnf->nij", sides, sides)
        side_scores = np.moveaxis(side_scores, 0, 1)
        side_scores = side_scores + products[:, :, :1] * moved[:, None]
        change = _change(rest, each, num_classes)
        inner = np.linalg.solve(np.eye(2) + products @ change, side_scores)
        along = np.einsum("nf,inf->ni", own, sides)
        return scores - np.einsum("ni,nij,njk->nk", along, change, inner)

    def _whitened(self, distances):
        return distances @ self.vectors / np.sqrt(self.penalized)


def _change(rest, each, num_classes):
    """Returns how the Gram matrix changes along both sides."""
    change = np.zeros((len(rest), 2, 2))
    between = each * (1 - 1 / num_classes) / rest**2
    change[:, 0, 0] = between - (rest + 1) / rest
    change[:, 0, 1] = change[:, 1, 0] = -each / rest
    return change


def solved(statistics: FeatureStatistics) -> RidgeSolution:
    """Returns the solution for statistics, its ridge the most probable one.

    Classes weigh the same, however many samples they have: a class of 20
    samples beside others of 500 is otherwise hardly ever the answer. As all
    classes share one scatter, it stays as it is, and only the distances
    between their means get other weights.

    Args:
        statistics: `FeatureStatistics`, with samples of each class.
    """
    num_samples, num_classes = len(statistics), len(statistics.counts)
    each = num_samples / num_classes
    center = statistics.means.mean(0)
    steps = statistics.means - center
    values, vectors = statistics.spectrum(each, steps)
    products = each * (steps @ vectors).T
    ridge = evidence.best_ridge(
        values,
        np.square(products).sum(-1),
        num_samples * (1 - 1 / num_classes),
        num_samples - 1,
        num_classes,
    )
    # Directions that were left out are as uncertain as all others at least.
    ridge = max(ridge, statistics.remainder)
    kernel = vectors @ (products / (values + ridge)[:, None])
    return RidgeSolution(statistics, vectors, values + ridge, kernel)
