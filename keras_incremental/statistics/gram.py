"""Ridge regression by a Gram matrix, with the penalty of the largest evidence.

Where all classes weigh the same it is `scatter + each * steps.T @ steps`:
steps are the distances of the means of the classes from their center, and the
targets are the one-hot labels of `each` samples of each class.
"""

import dataclasses
import functools

import numpy as np

from keras_incremental.statistics.penalty import LEAST
from keras_incremental.statistics.penalty import TIE
from keras_incremental.statistics.penalty import Penalty
from keras_incremental.statistics.penalty import log_evidence
from keras_incremental.statistics.penalty import log_probability
from keras_incremental.statistics.penalty import most_probable

# Cosines that are compared: ridge regression, weights as large as features
# vary, and halfway.
COSINES = (1.0, 0.5, 0.0)


@dataclasses.dataclass(frozen=True)
class SpectralGram:
    """A Gram matrix by its eigenvalues.

    Attributes:
        values: Array of shape `(found,)`, 0 or more.
        vectors: Array of shape `(features, found)`. What is orthogonal to
            all of them has the eigenvalue 0.
        products: Array of shape `(found, targets)`: the sums of features
            times targets, along the eigenvectors.
        energy: Float. Sum of the squared targets.
        freedom: Int. The number of samples, less the means taken off.
    """

    values: np.ndarray
    vectors: np.ndarray
    products: np.ndarray
    energy: float
    freedom: int

    @classmethod
    def of_steps(
        cls,
        spectrum: tuple[np.ndarray, np.ndarray],
        steps: np.ndarray,
        each: float,
    ) -> "SpectralGram":
        """Returns the matrix of classes that weigh the same.

        Args:
            spectrum: Eigenvalues and eigenvectors of the matrix.
            steps: Array of shape `(classes, features)`.
            each: Float, how many samples each class counts as.
        """
        count = len(steps)
        products = each * (steps @ spectrum[1]).T
        energy, freedom = each * (count - 1), round(each * count) - 1
        return cls(*spectrum, products, energy, freedom)

    @property
    def mean(self) -> float:
        """Float. The mean eigenvalue."""
        return float(self.values.sum()) / len(self.vectors)

    @property
    def norm(self) -> float:
        """Float. The root of the sum of their squares."""
        return float(np.linalg.norm(self.values))

    def log_evidence(
        self, ridges: np.ndarray, cosine: float = 1.0
    ) -> np.ndarray:
        """Returns the log evidence of ridges, see the function of this name."""
        return log_evidence(
            self.values,
            np.square(self.products).sum(-1),
            self.energy,
            self.freedom,
            self.products.shape[-1],
            ridges,
            cosine,
        )

    def kernel(self, penalty: Penalty) -> np.ndarray:
        """Returns the solution for a penalty, `(features, classes)`."""
        inverse = penalty.inverse(self.values)
        return self.vectors @ (self.products * inverse[:, None])

    def num_fitted(self, penalty: Penalty) -> float:
        """Returns how many parameters of each target are fitted.

        It is the trace of the matrix times the inverse of the penalized one.
        """
        return float(self.values @ penalty.inverse(self.values))

    def squares_of(self, kernel: np.ndarray) -> np.ndarray:
        """Returns `kernel.T @ matrix @ kernel`."""
        along = self.vectors.T @ kernel
        return along.T @ (self.values[:, None] * along)

    def sides(
        self, distances: np.ndarray, penalty: Penalty
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns factors of products by the inverse of the penalized matrix.

        Args:
            distances: Array of shape `(count, features)`.
            penalty: `Penalty`.

        Returns:
            Arrays `left` and `right`, so that `left @ right.T` is
            `distances @ inverse @ distances.T`.
        """
        inverse = penalty.inverse(self.values)
        white = distances @ self.vectors * np.sqrt(inverse)
        return white, white


@dataclasses.dataclass(frozen=True)
class CorrectedGram:
    """A Gram matrix that is a diagonal and the outer products of some rows.

    With `N = rows @ inverse(diagonal + shift) @ rows.T` all follows from
    matrices as small as there are rows:

        log det(matrix + shift) = sum(log(diagonal + shift)) + log det(1 + N)
        inverse(matrix + shift) @ rows.T
            = inverse(diagonal + shift) @ rows.T @ inverse(1 + N)

    The shift is that of a `Penalty`, which may be complex; then real parts
    count. The last rows are the steps between classes, seen from `contrasts`.
    What is left of the targets is then `each` times the trace of their part
    of `inverse(1 + N)`.

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
    def mean(self) -> float:
        """Float. The mean eigenvalue."""
        return float(
            (self.diagonal.sum() + np.square(self.rows).sum())
            / len(self.diagonal)
        )

    @property
    def norm(self) -> float:
        """Float. The root of the sum of their squares."""
        along = np.square(self.rows).sum(0)
        inner = np.square(self.rows @ self.rows.T).sum()
        return float(
            np.sqrt(self.diagonal @ (self.diagonal + 2 * along) + inner)
        )

    def log_evidence(
        self, ridges: np.ndarray, cosine: float = 1.0
    ) -> np.ndarray:
        """Returns the log evidence of ridges, see the function of this name."""
        targets = len(self.contrasts)
        ridges = np.asarray(ridges, "float64")
        left, volume = self._left_of(Penalty(ridges, cosine).shift)
        if cosine < 1:
            # 1 + e * p / ridge is |1 + e / shift|^2 / (1 + e * cosine / ridge).
            volume = 2 * volume
        if 0 < cosine < 1:
            volume = volume - self._left_of(ridges / cosine)[1]
        return log_probability(
            self.each * left, volume, round(self.each * targets) - 1, targets
        )

    def kernel(self, penalty: Penalty) -> np.ndarray:
        """Returns the solution for a penalty, `(features, classes)`."""
        shift, first = penalty.shift, self._first
        targets = np.zeros((len(self.rows), len(self.contrasts)))
        targets[first:] = np.sqrt(self.each) * self.contrasts.T
        inner = np.linalg.solve(self._inner(shift), targets)
        kernel = self.rows.T @ inner / (self.diagonal + shift)[:, None]
        return kernel.real

    def num_fitted(self, penalty: Penalty) -> float:
        """Returns what `SpectralGram.num_fitted` does."""
        shift = penalty.shift
        inverse = 1 / (self.diagonal + shift)
        squares = (self.rows * inverse**2) @ self.rows.T
        inner = np.trace(np.linalg.solve(self._inner(shift), squares))
        found = np.sum(self.diagonal * inverse) + shift * inner
        return float(np.real(found))

    def squares_of(self, kernel: np.ndarray) -> np.ndarray:
        """Returns `kernel.T @ matrix @ kernel`."""
        along = self.rows @ kernel
        return kernel.T @ (self.diagonal[:, None] * kernel) + along.T @ along

    def sides(
        self, distances: np.ndarray, penalty: Penalty
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns what `SpectralGram.sides` does."""
        shift = penalty.shift
        if penalty.cosine == 1:
            white = self._whitened(distances, shift)
            return white, white
        scaled = distances / (self.diagonal + shift)
        inner = np.linalg.solve(self._inner(shift), self.rows @ scaled.T)
        along = inner.T @ self.rows / (self.diagonal + shift)
        return distances, (scaled - along).real

    @property
    def _first(self):
        """The first of the rows that are steps between classes."""
        return len(self.rows) - len(self.contrasts) + 1

    def _left_of(self, shifts):
        """Returns what is left of the targets, and log det(1 + matrix / shift).

        Both are real parts, by the Schur complement of the rows of steps.
        """
        first = self._first
        inner = np.stack([self._inner(shift) for shift in shifts])
        within, across = inner[:, :first, :first], inner[:, :first, first:]
        between = inner[:, first:, first:] - np.swapaxes(
            across, 1, 2
        ) @ np.linalg.solve(within, across)
        left = np.trace(np.linalg.inv(between), axis1=1, axis2=2)
        volume = np.log1p(self.diagonal / shifts[:, None]).sum(1).real
        for part in (within, between):
            volume = volume + np.linalg.slogdet(part)[1]
        return left.real, volume

    def _whitened(self, distances, ridge):
        """Returns coordinates where the matrix and the ridge are a sphere."""
        scale = 1 / np.sqrt(self.diagonal + ridge)
        values, vectors = np.linalg.eigh(self._inner(ridge))
        roots = np.sqrt(np.maximum(values, 1.0))
        along = vectors.T @ (self.rows * scale)
        # inverse(sqrt(1 + x)) - 1 over x, which does not cancel.
        shares = -1 / (roots * (1 + roots))
        coordinates = distances * scale
        return coordinates + (coordinates @ along.T * shares) @ along

    def _inner(self, shift):
        """Returns `1 + N`."""
        inverse = 1 / (self.diagonal + shift)
        inner = (self.rows * inverse.real) @ self.rows.T
        if np.iscomplexobj(inverse):
            inner = inner + 1j * ((self.rows * inverse.imag) @ self.rows.T)
        inner.flat[:: len(inner) + 1] += 1
        return inner


Gram = SpectralGram | CorrectedGram


def best_penalty(gram: Gram) -> Penalty:
    """Returns the penalty with the largest evidence.

    Among penalties that the data cannot tell apart it has the largest cosine,
    and the largest strength: one sample of each class says nothing about the
    noise.

    Args:
        gram: `SpectralGram` or `CorrectedGram`.
    """
    best, highest = Penalty(1.0), -np.inf
    mean, largest = gram.mean, gram.norm
    if largest <= 0:
        return best
    for cosine in COSINES:
        found = functools.partial(gram.log_evidence, cosine=cosine)
        # With the cosine 0, what is left falls with the square of the ridge.
        least = LEAST if cosine else np.sqrt(LEAST)
        ridge = most_probable(found, mean, largest, least)
        height = float(found(np.array([ridge]))[0])
        if height > highest + TIE:
            best, highest = Penalty(ridge, cosine), height
    return best
