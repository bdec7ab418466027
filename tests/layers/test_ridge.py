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


@pytest.mark.parametrize("grid", [(1e-3, 1.0, 1e2), (1e-4, 1e-2, 10.0)])
def test_the_best_ridge_has_the_least_error_by_the_hat_matrix(grid):
    features, targets = FEATURES - FEATURES.mean(0), TARGETS - TARGETS.mean(0)
    gram = features.T @ features
    errors = []
    for part in grid:
        penalty = part * np.trace(gram) / 6 * np.eye(6)
        hat = features @ np.linalg.inv(gram + penalty) @ features.T
        left = np.sum((targets - hat @ targets) ** 2)
        errors.append(left / (39 - np.trace(hat)) ** 2)
    assert regressions.best_ridge(sums_of(), grid) == grid[np.argmin(errors)]


def test_pure_noise_is_given_a_large_ridge():
    labels = np.random.default_rng(5).integers(0, 2, 200)
    noise = np.random.default_rng(4).normal(size=(200, 50))
    assert regressions.best_ridge(sums_of(noise, labels)) >= 10


def test_clean_labels_are_given_a_small_ridge():
    labels = np.arange(200) % 2
    features = np.random.default_rng(4).normal(size=(200, 5))
    features[:, 0] = labels
    assert regressions.best_ridge(sums_of(features, labels)) <= 1e-4


def test_one_sample_has_a_kernel_of_zeros():
    sums = sums_of(FEATURES[:1], LABELS[:1])
    assert not regressions.fit(sums, "auto").any()
