import numpy as np
import pytest

from keras_incremental.utils.feature_statistics import FeatureStatistics

LABELS = np.arange(60) % 3


@pytest.fixture
def features():
    generator = np.random.default_rng(0)
    return generator.normal(5, 2, (60, 4)) + 3 * LABELS[:, None]


def test_mean_and_scale_are_those_of_all_pictures(features):
    statistics = FeatureStatistics().updated(features, LABELS)
    np.testing.assert_allclose(statistics.mean, features.mean(0))
    expected = np.sqrt(np.mean((features - features.mean(0)) ** 2))
    assert statistics.scale == pytest.approx(expected)


def test_scatter_is_that_within_classes(features):
    statistics = FeatureStatistics().updated(features, LABELS)
    expected = sum(
        np.cov(features[LABELS == k].T, bias=True) * 20 for k in range(3)
    )
    np.testing.assert_allclose(statistics.scatter, expected)


def test_order_and_chunks_do_not_matter(features):
    whole = FeatureStatistics().updated(features, LABELS)
    order = np.random.default_rng(1).permutation(60)
    parts = FeatureStatistics()
    for chunk in np.array_split(order, 7):
        parts = parts.updated(features[chunk], LABELS[chunk])
    np.testing.assert_array_equal(parts.counts, whole.counts)
    np.testing.assert_allclose(parts.means, whole.means, rtol=1e-10)
    np.testing.assert_allclose(parts.scatter, whole.scatter, rtol=1e-10)


def test_updating_leaves_the_statistics_as_they_were(features):
    statistics = FeatureStatistics().updated(features, LABELS)
    means, scatter = statistics.means.copy(), statistics.scatter.copy()
    statistics.updated(features + 1, LABELS)
    np.testing.assert_array_equal(statistics.means, means)
    np.testing.assert_array_equal(statistics.scatter, scatter)


def test_maps_count_every_position(features):
    maps = features.reshape(15, 2, 2, 4)
    labels = np.arange(15) % 3
    flat = FeatureStatistics().updated(features, np.repeat(labels, 4))
    mapped = FeatureStatistics().updated(maps, labels)
    np.testing.assert_allclose(mapped.means, flat.means)


def test_constant_features_have_scale_one():
    ones = np.ones((4, 2))
    assert FeatureStatistics().updated(ones, np.zeros(4, int)).scale == 1.0


def test_covers_only_classes_that_were_seen(features):
    statistics = FeatureStatistics().updated(features, LABELS)
    assert statistics.covers([0, 2])
    assert not statistics.covers([0, 3])
    assert not FeatureStatistics().covers([0])


def test_drawn_features_have_the_statistics_of_the_class(features):
    statistics = FeatureStatistics().updated(features, LABELS)
    drawn, labels = statistics.draw([0, 2], 4000)
    assert labels.tolist() == [0] * 4000 + [2] * 4000
    np.testing.assert_allclose(
        drawn[labels == 2].mean(0), statistics.means[2], atol=0.2
    )
    covariance = statistics.scatter / 60
    sphere = 0.1 * np.trace(covariance) / 4 * np.eye(4)
    np.testing.assert_allclose(
        np.cov(drawn[labels == 0].T), 0.9 * covariance + sphere, atol=0.4
    )


def test_drawing_is_decided_by_the_seed(features):
    statistics = FeatureStatistics().updated(features, LABELS)
    first, again, other = (statistics.draw([1], 5, s)[0] for s in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)
