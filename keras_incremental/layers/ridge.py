"""Ridge regression from sums, without the data itself."""

import dataclasses
from typing import Self

import numpy as np

from keras_incremental.statistics import FeatureStatistics
from keras_incremental.statistics.gram import SpectralGram
from keras_incremental.statistics.gram import best_penalty
from keras_incremental.statistics.spectrum import spectrum

EVIDENCE = "evidence"


@dataclasses.dataclass(frozen=True)
class Regression:
    """Sums over the data of a regression of targets on features.

    Attributes:
        gram: Array of shape `(features, features)`: sum of outer products.
        products: Array of shape `(features, targets)`: sum of features times
            targets.
        energy: Float. Sum of the squared targets.
        freedom: Int. How many samples there are, less the means taken off.
    """

    gram: np.ndarray
    products: np.ndarray
    energy: float
    freedom: int

    def in_units(self, units: np.ndarray) -> Self:
        """Returns the regression on features that are divided by units."""
        gram = self.gram / units / units[:, None]
        products = self.products / units[:, None]
        return dataclasses.replace(self, gram=gram, products=products)

    def part(self, rows: slice) -> Self:
        """Returns the regression on some of the features."""
        gram, products = self.gram[rows, rows], self.products[rows]
        return dataclasses.replace(self, gram=gram, products=products)

    def residual(
        self, kernel: np.ndarray, old: slice, new: slice
    ) -> "Regression":
        """Returns the regression of a residual on the features `new`.

        Args:
            kernel: Array, the solution for the features `old`.
            old: Slice of the features that are fitted.
            new: Slice of the features that fit the residual.
        """
        fitted = self.gram[:, old] @ kernel
        energy = self.energy - np.sum(
            kernel * (2 * self.products[old] - fitted[old])
        )
        products = self.products[new] - fitted[new]
        gram = self.gram[new, new]
        return Regression(gram, products, max(energy, 0.0), self.freedom)


def regression(
    statistics: FeatureStatistics, intercept: bool, num_samples: int
) -> tuple[Regression, np.ndarray, np.ndarray]:
    """Returns the regression of one-hot labels, and its centers.

    Args:
        statistics: `FeatureStatistics` with samples of each class.
        intercept: Bool. Whether the means are taken off.
        num_samples: Int.

    Returns:
        A `Regression`, the center of the features, that of the targets.
    """
    counts, means = statistics.counts, statistics.means
    center = statistics.mean if intercept else np.zeros(means.shape[-1])
    shares = counts / len(statistics) if intercept else np.zeros(len(counts))
    sums = Regression(
        statistics.scatter_around(center),
        ((means - center) * counts[:, None]).T,
        float(np.sum(counts * (1 - shares))),
        num_samples - int(intercept),
    )
    return sums, center, shares


def fit(sums: Regression, ridge: float | str) -> np.ndarray:
    """Returns the kernel of a ridge regression.

    Args:
        sums: `Regression`.
        ridge: Float, times the mean eigenvalue of the Gram matrix, or
            `"evidence"` for the penalty of largest evidence, as `solved` of
            `keras_incremental.statistics.ridge_solution` has it.
    """
    if ridge == EVIDENCE:
        return _fit_by_evidence(sums)
    penalty = float(ridge) * mean_eigenvalue(sums.gram)
    return np.linalg.solve(
        sums.gram + penalty * np.eye(len(sums.gram)), sums.products
    )


def _fit_by_evidence(sums):
    values, vectors = spectrum(sums.gram, sums.freedom + 1)
    products = vectors.T @ sums.products
    gram = SpectralGram(values, vectors, products, sums.energy, sums.freedom)
    return gram.kernel(best_penalty(gram))


def mean_eigenvalue(gram: np.ndarray) -> float:
    """Returns the mean eigenvalue of a Gram matrix, 1 if all are 0."""
    value = np.trace(gram) / len(gram)
    return value if value > 0 else 1.0
