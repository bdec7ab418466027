"""One normal distribution, of few samples with many features."""

import dataclasses

import numpy as np

from keras_incremental.statistics.shrinkage import most_probable_share

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
        sphere = values.mean()
        if sphere <= 0:
            return cls(center, np.zeros((size, 0)), np.zeros(0), 1.0)
        share = most_probable_share(values, max(count - 1, 1))
        values = (1 - share) * values + share * sphere
        variance = values[rank:].mean() if rank < size else values.min()
        return cls(
            center, vectors[:rank].T, variance / values[:rank], float(variance)
        )

    def distances(self, samples: np.ndarray) -> np.ndarray:
        """Returns the Mahalanobis distances of samples from the center."""
        steps = samples - self.center
        along = steps @ self.directions
        others = steps - along @ self.directions.T
        squares = np.square(others).sum(-1) + np.square(along) @ self.shares
        return np.sqrt(squares / self.variance)

    def draw(self, count: int, seed: int = 0) -> np.ndarray:
        """Returns samples of shape `(count, features)`."""
        noise = np.random.default_rng(seed).standard_normal(
            (count, len(self.center))
        )
        stretch = 1 / np.sqrt(self.shares) - 1
        noise += (noise @ self.directions * stretch) @ self.directions.T
        return self.center + np.sqrt(self.variance) * noise
