"""A normal distribution around 0, by its covariance matrix."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Normal:
    """A normal distribution around 0.

    Attributes:
        covariance: Array of shape `(features, features)`, of full rank.
    """

    covariance: np.ndarray

    def whitened(self, samples: np.ndarray) -> np.ndarray:
        """Returns samples of variance 1 in all directions."""
        return samples @ np.linalg.inv(self._factor()).T

    def times(self, columns: np.ndarray) -> np.ndarray:
        """Returns the covariance times columns `(features, num_columns)`."""
        return self.covariance @ columns

    def draw(self, count: int, seed: int = 0) -> np.ndarray:
        """Returns samples of shape `(count, features)`."""
        size = len(self.covariance)
        noise = np.random.default_rng(seed).standard_normal((count, size))
        return noise @ self._factor().T

    def _factor(self):
        return np.linalg.cholesky(self.covariance)
