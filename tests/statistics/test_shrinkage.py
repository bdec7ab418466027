import math

import numpy as np
import pytest

from keras_incremental.statistics import FeatureStatistics
from keras_incremental.statistics import shrinkage

SHARES = np.array([0.01, 0.1, 0.3, 0.6, 0.9, 0.99])


def samples_of(num_samples, num_features, seed=0):
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(num_features, num_features))
    return random.normal(size=(num_samples, num_features)) @ mixing


def student(x, degrees, scale):
    """Log density of Student's distribution around 0."""
    size = len(x)
    distance = x @ np.linalg.solve(scale, x)
    return (
        math.lgamma((degrees + size) / 2)
        - math.lgamma(degrees / 2)
        - size / 2 * math.log(degrees * math.pi)
        - np.linalg.slogdet(scale)[1] / 2
        - (degrees + size) / 2 * math.log1p(distance / degrees)
    )


def marginal(samples, share):
    """Each sample given those before it, the covariance integrated out."""
    count, size = samples.shape
    covariance = samples.T @ samples / count
    prior = share * count / (1 - share)
    degrees = prior + size + 1
    scale = prior * np.trace(covariance) / size * np.eye(size)
    total = 0.0
    for x in samples:
        freedom = degrees - size + 1
        total += student(x, freedom, scale / freedom)
        degrees, scale = degrees + 1, scale + np.outer(x, x)
    return total


@pytest.mark.parametrize("shape", [(30, 4), (5, 12), (1, 3), (20, 1)])
def test_the_evidence_is_the_density_of_the_samples(shape):
    samples = samples_of(*shape)
    values = np.linalg.eigvalsh(samples.T @ samples / len(samples))
    found = shrinkage.log_evidence(np.maximum(values, 0), len(samples), SHARES)
    expected = [marginal(samples, share) for share in SHARES]
    np.testing.assert_allclose(
        found - found[0], np.subtract(expected, expected[0]), atol=1e-8
    )


@pytest.mark.parametrize("shape", [(200, 4), (12, 30)])
def test_no_other_share_is_more_probable(shape):
    samples = samples_of(*shape)
    covariance = samples.T @ samples / len(samples)
    best = shrinkage.best_shrinkage(covariance, len(samples))
    grid = np.linspace(0.005, 0.995, 50)
    largest = max(marginal(samples, share) for share in grid)
    assert marginal(samples, best) >= largest - 1e-3


def test_a_sphere_is_shrunk_to_and_many_samples_are_trusted():
    sphere = np.random.default_rng(0).normal(size=(50, 10))
    assert shrinkage.best_shrinkage(sphere.T @ sphere / 50, 50) > 0.5
    many = samples_of(5000, 4)
    assert shrinkage.best_shrinkage(many.T @ many / 5000, 5000) < 0.01


def test_features_that_are_constant_leave_it_finite():
    samples = np.concatenate([samples_of(9, 3), np.zeros((9, 2))], 1)
    shrunk = shrinkage.shrunk(samples.T @ samples / 9, "evidence", 9)
    assert np.all(np.linalg.eigvalsh(shrunk) > 0)


def test_oas_is_the_formula_of_traces():
    samples = samples_of(40, 5)
    covariance = samples.T @ samples / 40
    trace, square = np.trace(covariance), np.trace(covariance @ covariance)
    expected = (square + trace**2) / (41 * (square - trace**2 / 5))
    # The paper leaves out a factor 2/p; in means over p^2 it is gone too.
    assert shrinkage.oas(covariance, 40) == pytest.approx(expected)
    assert shrinkage.oas(np.eye(5), 40) == 1.0
    assert shrinkage.oas(covariance, 2) == 1.0


def test_shrinking_keeps_the_mean_variance():
    covariance = np.diag([1.0, 3.0])
    shrunk = shrinkage.shrunk(covariance, 0.5, 10)
    np.testing.assert_allclose(shrunk, np.diag([1.5, 2.5]))
    for name in ("evidence", "oas"):
        shrunk = shrinkage.shrunk(covariance, name, 10)
        assert np.trace(shrunk) == pytest.approx(4)


def test_classes_of_one_sample_are_drawn_at_their_means():
    statistics = FeatureStatistics.of(np.eye(3), [0, 1, 2])
    drawn, labels = statistics.draw([0, 2], 5)
    np.testing.assert_allclose(drawn, np.eye(3)[labels], atol=1e-4)
