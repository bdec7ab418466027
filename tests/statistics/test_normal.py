import numpy as np
import pytest

from keras_incremental.statistics.feature_statistics import FeatureStatistics
from keras_incremental.statistics.low_rank import LowRankStatistics
from keras_incremental.statistics.normal import Normal
from keras_incremental.statistics.normal import inverse_of_triangle
from keras_incremental.statistics.shrinkage import share_of
from keras_incremental.statistics.shrinkage import shrunk


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


@pytest.mark.parametrize("kind", [FeatureStatistics, LowRankStatistics])
@pytest.mark.parametrize("shrinkage", ["oas", "evidence"])
@pytest.mark.parametrize("copies", [1, 2])
def test_few_samples_give_the_covariance_of_all_features(
    kind, shrinkage, copies
):
    generator = np.random.default_rng(0)
    samples = generator.normal(size=(5, 40)) * np.linspace(0.1, 3, 40)
    samples, labels = np.tile(samples, (copies, 1)), [0, 0, 1, 1, 1] * copies
    statistics = kind.of(samples, labels)
    count, freedom = len(samples), len(samples) - 2
    steps = samples - statistics.means[labels]
    covariance = steps.T @ steps / count
    share = share_of(covariance, shrinkage, count, freedom)
    expected = Normal(shrunk(covariance, share, count))
    normal, found = statistics.shrunk_normal(shrinkage)
    np.testing.assert_allclose(found, share, rtol=1e-9)
    columns = generator.normal(size=(40, 3))
    np.testing.assert_allclose(
        normal.times(columns), expected.times(columns), atol=1e-9
    )
    lengths = (n.whitened(columns.T) for n in (normal, expected))
    found, expected = (x @ x.T for x in lengths)
    atol = 1e-8 * expected.max()
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=atol)
