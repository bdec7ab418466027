import numpy as np
import pytest

from keras_incremental.models import file_checks
from keras_incremental.rejection import distance
from keras_incremental.statistics import FeatureStatistics
from keras_incremental.statistics import LowRankStatistics
from keras_incremental.statistics import low_rank
from keras_incremental.statistics.feature_statistics import described
from keras_incremental.statistics.ridge_solution import solved

WIDTH, LABELS = 40, np.arange(90) % 3


def clouds(size=90, seed=0):
    generator = np.random.default_rng(seed)
    spread = np.geomspace(2, 0.1, WIDTH)
    means = generator.standard_normal((3, WIDTH))
    noise = generator.standard_normal((size, WIDTH)) * spread
    return means[np.arange(size) % 3] + noise


def both(features, labels):
    return (
        LowRankStatistics.of(features, labels),
        FeatureStatistics.of(features, labels),
    )


@pytest.fixture
def few_rows(monkeypatch):
    """Lets no more than 60 rows be kept, and 30 after a compression."""
    monkeypatch.setattr(low_rank, "MOST", 60 * WIDTH)


@pytest.mark.parametrize("size", [3, 12, 90])
def test_they_are_exact_while_all_rows_are_kept(size):
    ours, exact = both(clouds(size), LABELS[:size])
    assert ours.rest == 0
    np.testing.assert_allclose(
        ours.scatter.T @ ours.scatter, exact.scatter, atol=1e-9
    )
    assert ours.scale == pytest.approx(exact.scale)
    np.testing.assert_allclose(
        ours.scatter_around(exact.mean), exact.scatter_around(exact.mean)
    )


@pytest.mark.parametrize("size", [3, 12, 90])
def test_a_head_is_solved_and_samples_left_out_as_from_the_matrix(size):
    features, labels = clouds(size), LABELS[:size]
    ours, exact = map(solved, both(features, labels))
    np.testing.assert_allclose(ours.kernel, exact.kernel, atol=1e-8)
    if size > 3:
        np.testing.assert_allclose(
            ours.left_out(features, labels),
            exact.left_out(features, labels),
            atol=1e-6,
        )


@pytest.mark.parametrize("size", [3, 12, 90])
@pytest.mark.parametrize("shrinkage", ["evidence", "oas"])
def test_the_distribution_is_that_of_the_matrix(size, shrinkage):
    ours, exact = both(clouds(size), LABELS[:size])
    one, two = ours.normal(shrinkage), exact.normal(shrinkage)
    covariance = two.times(np.eye(WIDTH))
    np.testing.assert_allclose(one.times(np.eye(WIDTH)), covariance, atol=1e-9)
    # Rows with this covariance.
    white = one.whitened(np.linalg.cholesky(covariance).T)
    np.testing.assert_allclose(white @ white.T, np.eye(WIDTH), atol=1e-6)


def test_distances_and_described_classes_are_those_of_the_matrix():
    features = clouds(90)
    kernel = np.random.default_rng(1).standard_normal((WIDTH, 4))
    found = [
        (distance(features, each), described(each, kernel, [3]).means)
        for each in both(features, LABELS)
    ]
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-8)
    np.testing.assert_allclose(found[0][1], found[1][1], atol=1e-8)


def test_draws_have_the_means_and_the_covariance():
    ours, exact = both(clouds(), LABELS)
    drawn, labels = ours.draw([1], 20_000)
    assert set(labels.tolist()) == {1}
    np.testing.assert_allclose(drawn.mean(0), exact.means[1], atol=0.06)
    expected = exact.normal().times(np.eye(WIDTH))
    np.testing.assert_allclose(np.cov(drawn.T), expected, atol=0.15)


@pytest.mark.usefixtures("few_rows")
def test_many_samples_take_few_rows_and_keep_the_total():
    exact = FeatureStatistics()
    ours = LowRankStatistics()
    for seed in range(8):
        features = clouds(30, seed)
        exact = exact.updated(features, LABELS[:30])
        ours = ours.updated(features, LABELS[:30])
        assert len(ours.scatter) <= 60
    assert ours.rest > 0
    np.testing.assert_allclose(ours.means, exact.means)
    assert ours.within == pytest.approx(exact.within)


@pytest.mark.usefixtures("few_rows")
def test_a_head_of_few_rows_is_nearly_as_right():
    features, labels = clouds(900), np.arange(900) % 3
    ours, exact = map(solved, both(features[:600], labels[:600]))
    assert ours.penalty.ridge >= ours.statistics.remainder > 0
    accuracies = [
        np.mean(each.scores(features[600:]).argmax(-1) == labels[600:])
        for each in (ours, exact)
    ]
    assert accuracies[0] > accuracies[1] - 0.02


@pytest.mark.usefixtures("few_rows")
def test_classes_are_left_out_with_their_share_of_the_rest():
    ours, _ = both(clouds(900), np.arange(900) % 3)
    left = ours.without([1])
    assert left.counts.tolist() == [300, 0, 300]
    assert left.within == pytest.approx(ours.within * 2 / 3)
    np.testing.assert_array_equal(ours.only([0, 2]).means, left.means[[0, 2]])


def test_samples_are_not_taken_out():
    ours, _ = both(clouds(), LABELS)
    with pytest.raises(ValueError, match="Add up"):
        ours - LowRankStatistics.of(clouds()[:3], LABELS[:3])


@pytest.mark.usefixtures("few_rows")
def test_a_store_gives_back_what_was_saved():
    for saved in both(clouds(900), np.arange(900) % 3):
        store = {}
        saved.save_to(store, "a_")
        loaded = low_rank.load_statistics(store, WIDTH, "a_")
        assert type(loaded) is type(saved)
        np.testing.assert_array_equal(loaded.scatter, saved.scatter)
        assert loaded.remainder == saved.remainder
        file_checks.check_statistics(loaded, 3, WIDTH)
        assert not loaded.fits(WIDTH + 1)


@pytest.mark.parametrize("rest", [-1.0, np.nan])
def test_a_rest_that_cannot_be_does_not_fit(rest):
    ours, _ = both(clouds(), LABELS)
    broken = LowRankStatistics(ours.counts, ours.means, ours.scatter, rest)
    assert not broken.fits(WIDTH)


def test_the_width_decides_which_are_kept():
    assert type(low_rank.empty_statistics(4096)) is FeatureStatistics
    assert type(low_rank.empty_statistics(4097)) is LowRankStatistics
