import numpy as np
import pytest

from keras_incremental.statistics.gaussian import Gaussian
from keras_incremental.statistics.shrinkage import EVIDENCE
from keras_incremental.statistics.shrinkage import shrunk


def drawn(count, size, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, size)) * np.geomspace(5, 0.2, size) + 3


@pytest.mark.parametrize(("count", "size"), [(200, 6), (12, 40), (7, 7)])
def test_distances_are_those_of_the_shrunk_covariance(count, size):
    x = drawn(count, size)
    steps = x - x.mean(0)
    covariance = shrunk(steps.T @ steps / count, EVIDENCE, count, count - 1)
    others = drawn(9, size, seed=1)
    away = others - x.mean(0)
    expected = np.einsum("nf,fg,ng->n", away, np.linalg.inv(covariance), away)
    found = Gaussian.of(x).distances(others)
    np.testing.assert_allclose(found, np.sqrt(expected), rtol=1e-8)


def test_the_smallest_variances_are_replaced_by_their_mean():
    x = drawn(500, 10)
    values = np.linalg.eigvalsh(np.cov(x.T, bias=True))
    gaussian = Gaussian.of(x, rank=3)
    assert gaussian.directions.shape == (10, 3)
    np.testing.assert_allclose(gaussian.variance, values[:7].mean(), rtol=0.05)


def test_what_is_drawn_has_the_same_covariance():
    gaussian = Gaussian.of(drawn(300, 5))
    again = Gaussian.of(gaussian.draw(20_000))
    np.testing.assert_allclose(again.center, gaussian.center, atol=0.1)
    others = drawn(9, 5, seed=1)
    np.testing.assert_allclose(
        again.distances(others), gaussian.distances(others), rtol=0.05
    )


@pytest.mark.parametrize("x", [np.ones((1, 4)), np.ones((6, 4))])
def test_samples_that_are_all_the_same_have_a_spread_of_1(x):
    gaussian = Gaussian.of(x)
    np.testing.assert_allclose(gaussian.distances(x + [3, 4, 0, 0]), 5)


def test_features_that_are_constant_or_copies_are_no_error():
    x = drawn(30, 3)
    x = np.concatenate([x, x, np.zeros((30, 2))], axis=-1)
    assert np.isfinite(Gaussian.of(x).distances(x)).all()
