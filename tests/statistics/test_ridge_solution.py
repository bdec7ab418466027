import numpy as np
import pytest

from keras_incremental.layers import ridge
from keras_incremental.statistics import FeatureStatistics
from keras_incremental.statistics import ridge_solution
from keras_incremental.statistics import strength as strengths
from keras_incremental.statistics.spectrum import spectrum

RANDOM = np.random.default_rng(0)


def clouds(counts, num_features=6):
    labels = np.repeat(np.arange(len(counts)), counts)
    centers = RANDOM.normal(3, 1, size=(len(counts), num_features))
    noise = RANDOM.normal(size=(len(labels), num_features))
    return centers[labels] + noise, labels


def regression(features, labels, strength, weights):
    """Weighted ridge regression on one-hot labels, with an intercept."""
    targets = np.eye(labels.max() + 1)[labels]
    ones = np.ones((len(features), 1))
    inputs = np.concatenate([features, ones], 1)
    penalty = strength * np.eye(inputs.shape[1])
    penalty[-1, -1] = 0
    return np.linalg.solve(
        inputs.T @ (weights[:, None] * inputs) + penalty,
        inputs.T @ (weights[:, None] * targets),
    )


@pytest.mark.parametrize("width", [4, 40])
def test_classes_of_one_size_give_the_regression_of_their_samples(width):
    features, labels = clouds([10, 10, 10], width)
    solution = ridge_solution.solved(FeatureStatistics.of(features, labels))
    centered = features - features.mean(0)
    targets = np.eye(3)[labels] - 1 / 3
    values, vectors = spectrum(centered.T @ centered)
    squares = np.square(vectors.T @ centered.T @ targets).sum(-1)
    best = strengths.best_ridge(values, squares, np.sum(targets**2), 29, 3)
    columns = regression(features, labels, best, np.ones(30))
    np.testing.assert_allclose(solution.kernel, columns[:-1], atol=1e-8)
    expected = features @ columns[:-1] + columns[-1]
    np.testing.assert_allclose(solution.scores(features), expected, atol=1e-8)


@pytest.mark.parametrize("counts", [(10, 10, 10), (30, 2, 7), (2, 2)])
@pytest.mark.parametrize("width", [4, 40, 200])
def test_a_sample_left_out_is_as_if_never_seen(counts, width):
    features, labels = clouds(counts, width)
    whole = FeatureStatistics.of(features, labels)
    solution = ridge_solution.solved(whole)
    found = solution.left_out(features, labels)
    strength, each = solution.ridge, solution.each
    for i in (0, counts[0], len(labels) - 1):
        rest = whole - FeatureStatistics.of(features[[i]], labels[[i]])
        steps = rest.means - rest.means.mean(0)
        gram = rest.scatter + each * steps.T @ steps
        kernel = np.linalg.solve(
            gram + strength * np.eye(width), each * steps.T
        )
        expected = (features[i] - rest.means.mean(0)) @ kernel
        expected = expected + 1 / len(counts)
        np.testing.assert_allclose(found[i], expected, atol=1e-6)


def test_a_rare_class_weighs_as_much_as_others():
    # Classes with the same scatter, at corners of a triangle.
    noise = np.random.default_rng(1).normal(size=(500, 2))
    corners = np.array([[0, 0], [3, 0], [0, 3]])
    counts = [500, 500, 5]
    x = np.concatenate(
        [c + noise[:n] for c, n in zip(corners, counts, strict=True)]
    )
    labels = np.repeat([0, 1, 2], counts)
    statistics = FeatureStatistics.of(x, labels)
    solution = ridge_solution.solved(statistics)
    test = np.random.default_rng(2).normal(size=(1000, 2)) + corners[2]
    counted, center, shares = ridge.regression(statistics, True, len(labels))
    counted = (test - center) @ ridge.fit(counted, "evidence") + shares
    assert np.mean(counted.argmax(-1) == 2) < 0.1
    assert np.mean(solution.scores(test).argmax(-1) == 2) > 0.8


def test_the_order_of_classes_and_chunks_does_not_matter():
    features, labels = clouds([10, 7, 4])
    statistics = FeatureStatistics.of(features, labels)
    order = RANDOM.permutation(21)
    parts = FeatureStatistics()
    for part in np.array_split(order, 5):
        parts = parts.updated(features[part], labels[part])
    np.testing.assert_allclose(
        ridge_solution.solved(parts).kernel,
        ridge_solution.solved(statistics).kernel,
        atol=1e-6,
    )


def test_one_sample_of_each_class_is_told_apart():
    features, labels = clouds([1] * 5, 20)
    solution = ridge_solution.solved(FeatureStatistics.of(features, labels))
    found = solution.scores(features).argmax(-1)
    assert found.tolist() == labels.tolist()


def test_features_that_are_constant_or_zero_change_nothing():
    features, labels = clouds([10, 10, 10])
    useless = np.concatenate(
        [features, np.full((30, 2), 1e3), np.zeros((30, 2))], axis=1
    )
    found, expected = (
        ridge_solution.solved(FeatureStatistics.of(x, labels))
        for x in (useless, features)
    )
    np.testing.assert_allclose(found.kernel[6:], 0, atol=1e-8)
    np.testing.assert_allclose(
        found.left_out(useless, labels),
        expected.left_out(features, labels),
        atol=1e-4,
    )


def test_copies_of_features_leave_the_answers():
    features, labels = clouds([10, 10, 10])
    copied = np.concatenate([features, features], 1)
    found, expected = (
        ridge_solution.solved(FeatureStatistics.of(x, labels)).scores(x)
        for x in (copied, features)
    )
    np.testing.assert_allclose(found, expected, atol=1e-3)
