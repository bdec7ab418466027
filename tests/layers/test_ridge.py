import numpy as np
import pytest

from keras_incremental.layers import ridge as regressions
from keras_incremental.statistics import FeatureStatistics

RANDOM = np.random.default_rng(0)
LABELS = np.arange(40) % 3
FEATURES = RANDOM.normal(3, 1, size=(40, 6)) + np.eye(6)[LABELS]
TARGETS = np.eye(3)[LABELS]


def sums_of(features=FEATURES, labels=LABELS, intercept=True):
    statistics = FeatureStatistics.of(features, labels)
    return regressions.regression(statistics, intercept, len(labels))[0]


@pytest.mark.parametrize("intercept", [True, False])
def test_statistics_hold_the_sums_of_the_regression(intercept):
    features = FEATURES - intercept * FEATURES.mean(0)
    targets = TARGETS - intercept * TARGETS.mean(0)
    sums = sums_of(intercept=intercept)
    np.testing.assert_allclose(sums.gram, features.T @ features)
    np.testing.assert_allclose(sums.products, features.T @ targets)
    assert sums.energy == pytest.approx(np.sum(targets**2))
    assert sums.freedom == 40 - intercept


def test_the_residual_is_what_the_first_kernel_leaves():
    old, new = slice(0, 4), slice(4, 6)
    features, targets = FEATURES - FEATURES.mean(0), TARGETS - TARGETS.mean(0)
    kernel = RANDOM.normal(size=(4, 3))
    left = targets - features[:, old] @ kernel
    sums = sums_of().residual(kernel, old, new)
    np.testing.assert_allclose(sums.gram, features[:, new].T @ features[:, new])
    np.testing.assert_allclose(sums.products, features[:, new].T @ left)
    assert sums.energy == pytest.approx(np.sum(left**2))


def test_the_kernel_is_that_of_the_samples():
    features, targets = FEATURES - FEATURES.mean(0), TARGETS - TARGETS.mean(0)
    gram = features.T @ features
    penalty = 0.01 * np.trace(gram) / 6 * np.eye(6)
    expected = np.linalg.solve(gram + penalty, features.T @ targets)
    np.testing.assert_allclose(regressions.fit(sums_of(), 0.01), expected)
