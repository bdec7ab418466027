"""One normal distribution, of few samples with many features."""

import dataclasses
from typing import Any

import numpy as np

from keras_incremental.statistics.shrinkage import most_probable_share
from keras_incremental.utils.types import Tensor

# Directions in which it differs from a sphere.
RANK = 64


@dataclasses.dataclass(frozen=True)
class Gaussian:
    """A normal distribution that is a sphere but for some directions.

    Attributes:
        center: Array of shape `(features,)`, the mean.
        directions: Array of shape `(features, rank)`, orthonormal.
        shares: Array of shape `(rank,)`, above 0 and up to 1: `variance` over
            the variance along each direction.
        variance: Float above 0, in all other directions.
    """

    center: np.ndarray
    directions: np.ndarray
    shares: np.ndarray
    variance: float

    @classmethod
    def of(cls, samples: np.ndarray, rank: int = RANK) -> "Gaussian":
        """Returns the distribution of samples.

        The covariance is drawn towards a sphere as far as is most probable,
        see `best_shrinkage`. Its smallest eigenvalues are replaced by their
        mean.

        Args:
            samples: Array of shape `(num_samples, features)`, 1 sample or
                more.
            rank: Int. The number of directions at most. Defaults to `64`.
        """
        samples = np.asarray(samples, "float64")
        count, size = samples.shape
        center = samples.mean(0)
        _, lengths, vectors = np.linalg.svd(
            samples - center, full_matrices=False
        )
        values = np.zeros(size)
        values[: len(lengths)] = np.square(lengths) / count
        rank = min(rank, count - 1, size)
        if values.mean() <= 0:
            return cls.sphere(center)
        share = most_probable_share(values, max(count - 1, 1))
        return cls.of_spectrum(center, values, vectors[:rank].T, share)

    @classmethod
    def sphere(cls, center: np.ndarray) -> "Gaussian":
        """Returns the distribution of variance 1 in all directions."""
        return cls(center, np.zeros((len(center), 0)), np.zeros(0), 1.0)

    @classmethod
    def of_spectrum(
        cls,
        center: np.ndarray,
        values: np.ndarray,
        directions: np.ndarray,
        share: float,
    ) -> "Gaussian":
        """Returns the distribution of a covariance that is shrunk.

        Args:
            center: Array of shape `(features,)`, the mean.
            values: Array of shape `(features,)`, the eigenvalues of the
                covariance, those of `directions` first; not all 0.
            directions: Array of shape `(features, rank)`, eigenvectors. All
                others get the mean of their eigenvalues.
            share: Float from 0 to 1, the share of the sphere.
        """
        rank = directions.shape[-1]
        values = (1 - share) * values + share * values.mean()
        variance = values[rank:].mean() if rank < len(values) else values.min()
        shares = variance / values[:rank]
        return cls(center, directions, shares, float(variance))

    def distances(self, samples: np.ndarray) -> np.ndarray:
        """Returns the Mahalanobis distances of samples from the center."""
        steps = samples - self.center
        along = steps @ self.directions
        others = steps - along @ self.directions.T
        squares = np.square(others).sum(-1) + np.square(along) @ self.shares
        return np.sqrt(squares / self.variance)

    def whitened(
        self, samples: Tensor, numpy: Any = np, dtype: str = "float64"
    ) -> Tensor:
        """Returns samples of variance 1 in all directions, around 0.

        Args:
            samples: Array or tensor of shape `(num_samples, features)`.
            numpy: Module to compute with: `numpy` or `keras.ops`.
            dtype: String, that of the constants.
        """
        steps = numpy.subtract(samples, self.center.astype(dtype))
        stretch = (np.sqrt(self.shares) - 1) * self.directions
        along = numpy.matmul(steps, stretch.astype(dtype))
        others = numpy.matmul(along, self.directions.T.astype(dtype))
        return (steps + others) / float(np.sqrt(self.variance))

    def times(self, columns: np.ndarray) -> np.ndarray:
        """Returns the covariance times columns `(features, num_columns)`."""
        stretch = (1 / self.shares - 1)[:, None]
        along = self.directions.T @ columns
        return self.variance * (columns + self.directions @ (stretch * along))

    def draw(self, count: int, seed: int = 0) -> np.ndarray:
        """Returns samples of shape `(count, features)`."""
        noise = np.random.default_rng(seed).standard_normal(
            (count, len(self.center))
        )
        stretch = 1 / np.sqrt(self.shares) - 1
        noise += (noise @ self.directions * stretch) @ self.directions.T
        return self.center + np.sqrt(self.variance) * noise
