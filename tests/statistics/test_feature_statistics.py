import numpy as np
import pytest

from keras_incremental.statistics import ClassCovariances
from keras_incremental.statistics import ClassMeans
from keras_incremental.statistics import FeatureStatistics
from keras_incremental.statistics.shrinkage import shrunk

LABELS = np.arange(60) % 3


@pytest.fixture
def features():
    generator = np.random.default_rng(0)
    return generator.normal(5, 2, (60, 4)) + 3 * LABELS[:, None]


def test_mean_and_scale_are_those_of_all_samples(features):
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
    expected = shrunk(covariance, "evidence", 60, freedom=57)
    np.testing.assert_allclose(np.cov(drawn[labels == 0].T), expected, atol=0.4)


def test_drawing_is_decided_by_the_seed(features):
    statistics = FeatureStatistics().updated(features, LABELS)
    first, again, other = (statistics.draw([1], 5, s)[0] for s in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)


@pytest.mark.parametrize(
    "kind", [ClassMeans, FeatureStatistics, ClassCovariances]
)
def test_taking_out_is_never_having_put_in(features, kind):
    kept = LABELS != 1
    whole = kind.of(features, LABELS)
    rest = whole - kind.of(features[::2], LABELS[::2])
    check_equal(rest, kind.of(features[1::2], LABELS[1::2]))
    gone = whole - kind.of(features[~kept], LABELS[~kept])
    assert gone.counts.tolist() == [20, 0, 20]
    assert not gone.means[1].any()
    check_equal(gone.only([0, 2]), kind.of(features[kept], LABELS[kept] // 2))


@pytest.mark.parametrize("kind", [FeatureStatistics, ClassCovariances])
@pytest.mark.parametrize("seed", range(3))
def test_one_sample_a_class_that_is_left_has_no_scatter(kind, seed):
    generator = np.random.default_rng(seed)
    features = np.maximum(generator.normal(size=(60, 6)), 0).astype("float32")
    left = kind.of(features, LABELS)
    for first in range(3, 60, 7):
        rows = slice(first, first + 7)
        left = left - kind.of(features[rows], LABELS[rows])
    assert left.counts.tolist() == [1, 1, 1]
    assert not left.scatter.any()
    if kind is FeatureStatistics:
        np.testing.assert_array_equal(left.normal().covariance, np.eye(6))


@pytest.mark.parametrize("kind", [FeatureStatistics, ClassCovariances])
def test_where_nothing_is_left_there_is_nothing(features, kind):
    whole = kind.of(features, LABELS)
    for left in (whole - whole, whole.without([0, 1, 2])):
        assert len(left) == 0 and left.means is None
        check_equal(left.updated(features, LABELS), whole)


def test_what_was_not_put_in_cannot_be_taken_out(features):
    some = FeatureStatistics.of(features[:30], LABELS[:30])
    whole = FeatureStatistics.of(features, LABELS)
    for left in (some, FeatureStatistics()):
        with pytest.raises(ValueError, match="Received: counts to remove"):
            left - whole


def test_each_class_may_have_a_scatter_of_its_own(features):
    statistics = ClassCovariances()
    for chunk in np.array_split(np.arange(60), 4):
        statistics = statistics.updated(features[chunk], LABELS[chunk])
    expected = [np.cov(features[LABELS == k].T) * 19 for k in range(3)]
    np.testing.assert_allclose(statistics.scatter, expected)
    check_equal(statistics.pooled(), FeatureStatistics.of(features, LABELS))


def test_balanced_statistics_count_each_class_once(features):
    statistics = ClassCovariances.of(features[:50], LABELS[:50] + 1)
    balanced = statistics.balanced()
    assert balanced.counts.tolist() == [0, 1, 1, 1]
    expected = sum(
        np.cov(features[:50][LABELS[:50] == k].T, bias=True) for k in range(3)
    )
    np.testing.assert_allclose(balanced.scatter, expected)


def test_scatter_around_a_point_is_that_of_all_samples(features):
    statistics = FeatureStatistics.of(features, LABELS)
    np.testing.assert_allclose(
        statistics.scatter_around(statistics.mean), np.cov(features.T) * 59
    )
    np.testing.assert_allclose(
        statistics.scatter_around(0), features.T @ features
    )


def test_no_samples_change_nothing(features):
    statistics = FeatureStatistics.of(features, LABELS)
    assert statistics.updated(features[:0], LABELS[:0]) is statistics


def check_equal(found, expected):
    np.testing.assert_array_equal(found.counts, expected.counts)
    np.testing.assert_allclose(found.means, expected.means, rtol=1e-9)
    np.testing.assert_allclose(
        found.scatter, expected.scatter, rtol=1e-9, atol=1e-8
    )


def test_bytes_are_those_of_the_means_and_the_scatter(features):
    assert FeatureStatistics().nbytes == 0
    statistics = FeatureStatistics().updated(features, LABELS)
    assert statistics.nbytes == 8 * (3 * 4 + 4 * 4)


@pytest.mark.parametrize(
    "kind", [ClassMeans, FeatureStatistics, ClassCovariances]
)
def test_a_store_gives_back_what_it_was_given(features, kind):
    store, statistics = {}, kind.of(features, LABELS)
    statistics.save_to(store, "own_")
    assert list(store) == ["own_counts", "own_means", "own_scatter"]
    check_equal(kind.load_from(store, "own_"), statistics)


def test_a_store_without_statistics_gives_empty_ones():
    store = {}
    FeatureStatistics().save_to(store)
    assert not store and not len(FeatureStatistics.load_from(store))
