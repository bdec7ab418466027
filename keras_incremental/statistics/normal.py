"""A normal distribution around 0, by its covariance matrix."""

import dataclasses
import functools
from typing import Any

import numpy as np

from keras_incremental.utils.types import Tensor

# Below it, calls of NumPy cost more than they save.
SMALL = 128


@dataclasses.dataclass(frozen=True)
class Normal:
    """A normal distribution around 0.

    Attributes:
        covariance: Array of shape `(features, features)`, of full rank.
    """

    covariance: np.ndarray

    def whitened(
        self, samples: Tensor, numpy: Any = np, dtype: str = "float64"
    ) -> Tensor:
        """Returns samples of variance 1 in all directions.

        Args:
            samples: Array or tensor of shape `(num_samples, features)`.
            numpy: Module to compute with: `numpy` or `keras.ops`.
            dtype: String, that of the constants.
        """
        whitening = self._whitening.astype(dtype, copy=False)
        return numpy.matmul(samples, whitening)

    def times(self, columns: np.ndarray) -> np.ndarray:
        """Returns the covariance times columns `(features, num_columns)`."""
        return self.covariance @ columns

    def draw(self, count: int, seed: int = 0) -> np.ndarray:
        """Returns samples of shape `(count, features)`."""
        size = len(self.covariance)
        noise = np.random.default_rng(seed).standard_normal((count, size))
        return noise @ np.linalg.cholesky(self.covariance).T

    @functools.cached_property
    def _whitening(self):
        return inverse_of_triangle(np.linalg.cholesky(self.covariance)).T


def inverse_of_triangle(matrix: np.ndarray) -> np.ndarray:
    """Returns the inverse of a lower triangular matrix.

    Halves of it are inverted in turn, which is faster than a full inverse.

    Args:
        matrix: Array of shape `(size, size)`, without 0 on its diagonal.
    """
    size = len(matrix)
    if size <= SMALL:
        return np.linalg.inv(matrix)
    half = size // 2
    inverse = np.zeros_like(matrix)
    first = inverse_of_triangle(matrix[:half, :half])
    second = inverse_of_triangle(matrix[half:, half:])
    inverse[:half, :half], inverse[half:, half:] = first, second
    inverse[half:, :half] = -second @ matrix[half:, :half] @ first
    return inverse
