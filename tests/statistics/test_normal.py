import numpy as np
import pytest

from keras_incremental.statistics.normal import Normal
from keras_incremental.statistics.normal import inverse_of_triangle


def covariance_of(size):
    rows = np.random.default_rng(size).normal(size=(size, 2 * size))
    return rows @ rows.T / (2 * size)


@pytest.mark.parametrize("size", [1, 128, 129, 301])
def test_a_triangle_times_its_inverse_is_the_identity(size):
    root = np.linalg.cholesky(covariance_of(size))
    inverse = inverse_of_triangle(root)
    np.testing.assert_allclose(root @ inverse, np.eye(size), atol=1e-12)
    np.testing.assert_array_equal(np.triu(inverse, 1), 0)


@pytest.mark.parametrize("size", [3, 200])
def test_whitened_samples_have_the_squared_mahalanobis_distance(size):
    covariance = covariance_of(size)
    samples = np.random.default_rng(0).normal(size=(5, size))
    white = Normal(covariance).whitened(samples)
    expected = np.sum(samples * np.linalg.solve(covariance, samples.T).T, 1)
    np.testing.assert_allclose(np.square(white).sum(1), expected, rtol=1e-10)
