"""Gram matrices of a ridge regression on one-hot labels.

All are `scatter + each * steps.T @ steps`, where steps are the distances of
the means of the classes from their center, and the targets are those of
`each` samples of each class.
"""

import dataclasses
import functools

import numpy as np

from keras_incremental.statistics import evidence


@dataclasses.dataclass(frozen=True)
class SpectralGram:
    """A Gram matrix by its eigenvalues.

    Attributes:
        values: Array of shape `(found,)`, 0 or more.
        vectors: Array of shape `(features, found)`. What is orthogonal to
            all of them has the eigenvalue 0.
        steps: Array of shape `(classes, features)`.
        each: Float, how many samples each class counts as.
    """

    values: np.ndarray
    vectors: np.ndarray
    steps: np.ndarray
    each: float

    @property
    def total(self) -> float:
        """Float. The sum of the eigenvalues."""
        return float(self.values.sum())

    @property
    def norm(self) -> float:
        """Float. The root of the sum of their squares."""
        return float(np.linalg.norm(self.values))

    def log_evidence(self, ridges: np.ndarray) -> np.ndarray:
        """Returns the log evidence of ridges, see `evidence.log_evidence`."""
        targets = len(self.steps)
        return evidence.log_evidence(
            self.values,
            np.square(self._products).sum(-1),
            self.each * (targets - 1),
            round(self.each * targets) - 1,
            targets,
            ridges,
        )

    def kernel(self, ridge: float) -> np.ndarray:
        """Returns the solution for a ridge, `(features, classes)`."""
        penalized = self.values + ridge
        return self.vectors @ (self._products / penalized[:, None])

    def whitened(self, distances: np.ndarray, ridge: float) -> np.ndarray:
        """Returns coordinates in which the matrix and the ridge are a sphere.

        Args:
            distances: Array of shape `(count, features)`.
            ridge: Float above 0.
        """
        return distances @ self.vectors / np.sqrt(self.values + ridge)

    @functools.cached_property
    def _products(self):
        return self.each * (self.steps @ self.vectors).T


@dataclasses.dataclass(frozen=True)
class CorrectedGram:
    """A Gram matrix that is a diagonal and the outer products of some rows.

    With `N = rows @ inverse(diagonal + ridge) @ rows.T` all follows from
    matrices as small as there are rows:

        log det(matrix + ridge) = sum(log(diagonal + ridge)) + log det(1 + N)
        inverse(matrix + ridge) @ rows.T
            = inverse(diagonal + ridge) @ rows.T @ inverse(1 + N)

    The last rows are the steps between classes, seen from `contrasts`. What
    is left of the targets is then `each` times the trace of their part of
    `inverse(1 + N)`, in which nothing cancels.

    Reference:
    - Woodbury, 1950, Inverting modified matrices

    Attributes:
        diagonal: Array of shape `(features,)`, 0 or more.
        rows: Array of shape `(num_rows, features)`.
        contrasts: Array of shape `(classes, classes - 1)`, orthonormal.
        each: Float, how many samples each class counts as.
    """

    diagonal: np.ndarray
    rows: np.ndarray
    contrasts: np.ndarray
    each: float

    @classmethod
    def of(
        cls,
        diagonal: np.ndarray,
        rows: np.ndarray,
        steps: np.ndarray,
        each: float,
    ) -> "CorrectedGram":
        """Returns the matrix of a scatter and the steps between classes.

        Args:
            diagonal: Array of shape `(features,)`, 0 or more.
            rows: Array of shape `(num_rows, features)`, of the scatter.
            steps: Array of shape `(classes, features)`.
            each: Float.
        """
        size = len(steps)
        contrasts = np.linalg.qr(np.eye(size)[:, 1:] - 1 / size)[0]
        between = np.sqrt(each) * contrasts.T @ steps
        return cls(diagonal, np.concatenate([rows, between]), contrasts, each)

    @property
    def total(self) -> float:
        """Float. The sum of the eigenvalues."""
        return float(self.diagonal.sum() + np.square(self.rows).sum())

    @property
    def norm(self) -> float:
        """Float. The root of the sum of their squares."""
        along = np.square(self.rows).sum(0)
        inner = np.square(self.rows @ self.rows.T).sum()
        return float(
            np.sqrt(self.diagonal @ (self.diagonal + 2 * along) + inner)
        )

    def log_evidence(self, ridges: np.ndarray) -> np.ndarray:
        """Returns the log evidence of ridges, see `evidence.log_evidence`."""
        targets = len(self.contrasts)
        roots = np.linalg.cholesky(np.stack([self._inner(r) for r in ridges]))
        first = len(self.rows) - targets + 1
        between = np.linalg.inv(roots[:, first:, first:])
        sides = np.diagonal(roots, axis1=1, axis2=2)
        volume = np.log1p(self.diagonal / np.asarray(ridges)[:, None]).sum(1)
        return evidence.log_probability(
            self.each * np.square(between).sum((1, 2)),
            volume + 2 * np.log(sides).sum(1),
            round(self.each * targets) - 1,
            targets,
        )

    def kernel(self, ridge: float) -> np.ndarray:
        """Returns the solution for a ridge, `(features, classes)`."""
        first = len(self.rows) - len(self.contrasts) + 1
        targets = np.zeros((len(self.rows), len(self.contrasts)))
        targets[first:] = np.sqrt(self.each) * self.contrasts.T
        inner = np.linalg.solve(self._inner(ridge), targets)
        return self.rows.T @ inner / (self.diagonal + ridge)[:, None]

    def whitened(self, distances: np.ndarray, ridge: float) -> np.ndarray:
        """Returns coordinates in which the matrix and the ridge are a sphere.

        Args:
            distances: Array of shape `(count, features)`.
            ridge: Float above 0.
        """
        scale = 1 / np.sqrt(self.diagonal + ridge)
        values, vectors = np.linalg.eigh(self._inner(ridge))
        roots = np.sqrt(np.maximum(values, 1.0))
        along = vectors.T @ (self.rows * scale)
        # inverse(sqrt(1 + x)) - 1 over x, which does not cancel.
        shares = -1 / (roots * (1 + roots))
        coordinates = distances * scale
        return coordinates + (coordinates @ along.T * shares) @ along

    def _inner(self, ridge):
        """Returns `1 + N`."""
        scaled = self.rows * (1 / np.sqrt(self.diagonal + ridge))
        inner = scaled @ scaled.T
        inner.flat[:: len(inner) + 1] += 1
        return inner
