import numpy as np
import pytest

from keras_incremental.layers import ridge as regressions
from keras_incremental.statistics import FeatureStatistics
from keras_incremental.statistics import gram
from keras_incremental.statistics.gram import COSINES
from keras_incremental.statistics.gram import SpectralGram
from keras_incremental.statistics.penalty import log_evidence
from keras_incremental.statistics.spectrum import spectrum

RIDGES = np.geomspace(1e-3, 1e4, 29)


def clouds(num_samples, num_features, num_classes, seed=0):
    random = np.random.default_rng(seed)
    labels = np.arange(num_samples) % num_classes
    centers = random.normal(size=(num_classes, num_features))
    return centers[labels] + random.normal(size=(num_samples, num_features)), (
        labels
    )


def marginal(features, labels, ridge, cosine=1.0):
    """Log density of the targets under their normal distribution."""
    targets = np.eye(labels.max() + 1)[labels]
    # An orthonormal base of all that a constant does not explain.
    base = np.linalg.svd(np.eye(len(labels)) - 1 / len(labels))[0][:, :-1]
    x, y = base.T @ features, base.T @ targets
    outer = x @ x.T
    # Of weights whose variance is (x'x + ridge c) inverse(ridge + c x'x).
    below = ridge * np.eye(len(x)) + cosine * outer
    share = (outer + ridge * cosine * np.eye(len(x))) @ np.linalg.inv(below)
    covariance = np.eye(len(x)) + outer @ share / ridge
    total = np.sum(y * np.linalg.solve(covariance, y))
    # At the best variance of the noise, up to what does not depend on it.
    volume = y.shape[1] * np.linalg.slogdet(covariance)[1]
    return -0.5 * (y.size * np.log(total) + volume)


def gram_of(features, labels):
    statistics = FeatureStatistics.of(features, labels)
    sums = regressions.regression(statistics, True, len(labels))[0]
    values, vectors = spectrum(sums.gram)
    products = vectors.T @ sums.products
    return SpectralGram(values, vectors, products, sums.energy, sums.freedom)


def best_of(features, labels):
    return gram.best_penalty(gram_of(features, labels))


def kernel_of(features, labels):
    statistics = FeatureStatistics.of(features, labels)
    sums = regressions.regression(statistics, True, len(labels))[0]
    return regressions.fit(sums, "evidence")


@pytest.mark.parametrize(
    "shape", [(60, 5, 3), (20, 50, 4), (8, 3, 8), (30, 29, 2)]
)
@pytest.mark.parametrize("cosine", COSINES)
def test_it_is_the_density_of_the_targets(shape, cosine):
    features, labels = clouds(*shape)
    expected = [marginal(features, labels, each, cosine) for each in RIDGES]
    found = gram_of(features, labels).log_evidence(RIDGES, cosine)
    np.testing.assert_allclose(found, expected, rtol=1e-7)


@pytest.mark.parametrize("shape", [(60, 5, 3), (20, 50, 4), (200, 40, 10)])
def test_no_other_penalty_is_more_probable(shape):
    features, labels = clouds(*shape)
    best = best_of(features, labels)
    found = marginal(features, labels, best.ridge, best.cosine)
    for cosine in COSINES:
        others = [marginal(features, labels, r, cosine) for r in RIDGES]
        assert found >= max(others) - 1e-6


def test_one_feature_is_as_by_hand():
    # -log(1 - 0.5 / (1 + r)) - log(1 + 1 / r) / 2
    found = log_evidence(
        np.ones(1), np.full(1, 0.5), 1.0, 2, 1, np.array([1.0, 10.0])
    )
    expected = [-np.log(0.75) - np.log(2) / 2]
    expected += [-np.log(1 - 0.5 / 11) - np.log(1.1) / 2]
    np.testing.assert_allclose(found, expected)


def test_features_that_are_constant_or_zero_change_nothing():
    features, labels = clouds(40, 6, 3)
    best = best_of(features, labels)
    others = np.concatenate(
        [features, np.full((40, 2), 7.0), np.zeros((40, 3))], axis=1
    )
    found = best_of(others, labels)
    assert found.cosine == best.cosine
    assert found.ridge == pytest.approx(best.ridge, rel=1e-4)
    kernel = kernel_of(others, labels)
    np.testing.assert_allclose(kernel[:6], kernel_of(features, labels), 1e-4)
    np.testing.assert_allclose(kernel[6:], 0, atol=1e-12)


def test_copies_share_the_weight_of_one():
    features, labels = clouds(40, 6, 3)
    doubled = kernel_of(np.concatenate([features, features], 1), labels)
    np.testing.assert_allclose(doubled[:6], doubled[6:], atol=1e-10)
    found = best_of(np.concatenate([features, features], 1), labels)
    best = best_of(features, labels)
    assert found.cosine == best.cosine
    assert found.ridge == pytest.approx(2 * best.ridge, rel=1e-3)


def test_features_that_are_all_zero_have_a_kernel_of_zeros():
    assert not kernel_of(np.zeros((6, 4)), np.arange(6) % 2).any()


def test_one_sample_of_each_class_is_told_apart():
    features, labels = clouds(10, 30, 10)
    kernel = kernel_of(features, labels)
    centered = features - features.mean(0)
    assert np.isfinite(kernel).all()
    assert (centered @ kernel).argmax(-1).tolist() == labels.tolist()


def test_one_sample_has_a_kernel_of_zeros():
    assert not kernel_of(np.ones((1, 4)), np.zeros(1, int)).any()


def test_pure_noise_is_given_a_large_ridge():
    labels = np.random.default_rng(5).integers(0, 2, 200)
    noise = np.random.default_rng(4).normal(size=(200, 50))
    assert best_of(noise, labels).ridge >= 10 * 200


def test_clean_labels_are_given_a_small_ridge():
    labels = np.arange(200) % 2
    features = np.random.default_rng(4).normal(size=(200, 5))
    features[:, 0] = labels
    assert best_of(features, labels).ridge <= 1e-4 * 200


@pytest.mark.parametrize("num_samples", [30, 90])
def test_fewer_samples_than_features_are_told_apart_by_others(num_samples):
    x, y = clouds(2000 + num_samples, 300, 5)
    kernel = kernel_of(x[:num_samples], y[:num_samples])
    bias = -x[:num_samples].mean(0) @ kernel
    accuracy = np.mean(
        (x[num_samples:] @ kernel + bias).argmax(-1) == y[num_samples:]
    )
    assert accuracy > 0.95


@pytest.mark.parametrize("num_samples", [5, 40])
def test_few_samples_have_the_spectrum_of_all_features(num_samples):
    features, _ = clouds(num_samples, 200, 5)
    features = features * np.geomspace(1e-3, 1, 200)
    gram = features.T @ features
    values, vectors = spectrum(gram, num_samples)
    expected = np.linalg.eigvalsh(gram)[-num_samples:]
    assert vectors.shape[1] < 200
    np.testing.assert_allclose(values[-num_samples:], expected, rtol=1e-8)
    np.testing.assert_allclose((vectors * values) @ vectors.T, gram, atol=1e-8)


def test_constant_features_of_few_samples_are_left_out():
    features = np.zeros((5, 200))
    features[:, :2] = np.eye(5)[:, :2]
    values, _ = spectrum(features.T @ features, 5)
    assert np.count_nonzero(values) == 2
