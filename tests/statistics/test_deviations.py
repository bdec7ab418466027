import dataclasses
import tracemalloc

import numpy as np
import pytest
from sklearn import datasets

from keras_incremental.rejection import Rejector
from keras_incremental.rejection.scores import discriminant
from keras_incremental.rejection.scores import distance
from keras_incremental.statistics import deviations
from keras_incremental.statistics.deviations import Deviations
from keras_incremental.statistics.feature_statistics import FeatureStatistics
from keras_incremental.statistics.left_out import WhitenedMeans
from keras_incremental.statistics.low_rank import LowRankStatistics

WIDTH = 12


def clouds(classes, count, seed=0, tail=4.0):
    """Clouds with heavy tails, and one class wider than the others."""
    random = np.random.default_rng(seed)
    labels = np.repeat(classes, count)
    centers = 3 * np.random.default_rng(9).normal(size=(6, WIDTH))
    sizes = np.sqrt(tail / random.chisquare(tail, len(labels)))
    noise = random.normal(size=(len(labels), WIDTH))
    noise *= (sizes * (1 + labels % 2))[:, None]
    return centers[labels] + noise, labels


def slow_scores(x, rows, labels, share, sphere):
    """Distance and discriminant of `x`, by the formula, of given samples."""
    names = np.unique(labels)
    means = np.stack([rows[labels == k].mean(0) for k in names])
    scatter = sum(
        np.outer(d, d) for d in rows - means[np.searchsorted(names, labels)]
    )
    inverse = np.linalg.inv(share * scatter + sphere * np.eye(len(x)))
    steps = x - np.concatenate([means, means.mean(0, keepdims=True)])
    *squares, center = np.einsum("ki,ij,kj->k", steps, inverse, steps)
    ratio = np.logaddexp.reduce((center - np.array(squares)) / 2)
    return np.sqrt(min(squares)), -ratio


@pytest.mark.parametrize("count", [2, 5, 40])
@pytest.mark.parametrize("kind", [FeatureStatistics, LowRankStatistics])
def test_left_out_scores_are_those_of_statistics_without_a_sample(kind, count):
    x, labels = clouds([0, 1, 2], count)
    statistics = kind.of(x, labels)
    means = WhitenedMeans.of(statistics)
    # The shrinkage stays as it is with all samples.
    _, shrunk = statistics.shrunk_normal("oas")
    sphere = shrunk * statistics.within / len(x) / WIDTH
    for row in (0, count + 1, 3 * count - 1):
        label, others = labels[row], np.arange(len(x)) != row
        step = means.white(x[[row]] - statistics.means[label])
        found = means.left_out(
            np.square(step).sum(-1), step @ means.means.T, label, count
        )
        slow = slow_scores(
            x[row], x[others], labels[others], means.share, sphere
        )
        np.testing.assert_allclose(np.ravel(found), slow, rtol=1e-7)
    slow = slow_scores(x[0] + 1, x, labels, means.share, sphere)
    scores = (
        distance(x[[0]] + 1, statistics),
        discriminant(x[[0]] + 1, statistics),
    )
    np.testing.assert_allclose(np.ravel(scores), slow, rtol=1e-7)


def learned(parts):
    """Statistics and deviations of parts that come one after the other."""
    statistics, found = FeatureStatistics(), Deviations.empty(WIDTH)
    for x, labels in parts:
        statistics = statistics.updated(x, labels)
        found = found.updated(statistics, x, labels)
    return statistics, found


def alarms(statistics, found, x, rate=0.05):
    """The share of samples above a threshold that was estimated."""
    far, between, labels = found.drawn(statistics)
    weight = far.std() / between.std()
    counts = statistics.counts[labels]
    rejector = Rejector(false_alarm=rate).estimate(
        far + weight * between, counts, len(statistics)
    )
    scores = distance(x, statistics) + weight * discriminant(x, statistics)
    return rejector.is_unknown(scores).mean()


@pytest.mark.parametrize("count", [15, 60, 400])
def test_false_alarms_are_near_the_stated_rate(count):
    rates = []
    for seed in range(8):
        x, labels = clouds(np.arange(6), count, seed)
        rows = [np.isin(labels, pair) for pair in ([0, 1], [2, 3], [4, 5])]
        known = learned([(x[part], labels[part]) for part in rows])
        fresh, _ = clouds(np.arange(6), 500, seed + 50)
        rates.append(alarms(*known, fresh))
    assert 0.025 < np.mean(rates) < 0.1


def leaning(classes, count, seed=0):
    """Clouds whose samples far from the mean lie toward the other classes."""
    random = np.random.default_rng(seed)
    labels = np.repeat(classes, count)
    centers = 4 * np.eye(WIDTH)[: len(classes)]
    sizes = np.sqrt(6 / random.chisquare(6, len(labels)))[:, None]
    noise = random.normal(size=(len(labels), WIDTH))
    inward = centers.mean(0) - centers[labels]
    return centers[labels] + sizes * noise + (sizes - 1) * inward, labels


@pytest.mark.parametrize("count", [25, 120])
@pytest.mark.parametrize("classes", [2, 5])
def test_far_samples_that_lie_to_one_side_keep_the_stated_rate(classes, count):
    rates = []
    for seed in range(12):
        x, labels = leaning(range(classes), count, seed)
        first = labels < (classes + 1) // 2
        known = learned([(x[rows], labels[rows]) for rows in (first, ~first)])
        fresh, _ = leaning(range(classes), 300, seed + 50)
        even = dataclasses.replace(known[1], skews=0 * known[1].skews)
        rates.append(
            [
                alarms(known[0], found, fresh, rate)
                for found in (known[1], even)
                for rate in (0.05, 0.1)
            ]
        )
    few, more, few_evenly, more_evenly = np.mean(rates, 0)
    assert 0.025 < few < 0.08 and few < few_evenly
    assert 0.05 < more < 0.13 and more < more_evenly


@pytest.mark.parametrize("classes", [2, 3, 5, 10])
def test_of_digits_false_alarms_are_half_to_twice_what_was_asked(classes):
    x, y = datasets.load_digits(return_X_y=True)
    rates = []
    for seed in range(6):
        random = np.random.default_rng(seed)
        chosen = random.permutation(10)[:classes]
        rows = [random.permutation(np.flatnonzero(y == k)) for k in chosen]
        for count in (25, 120):
            train = np.concatenate([part[:count] for part in rows])
            fresh = np.concatenate([part[count:] for part in rows])
            statistics = FeatureStatistics.of(x[train], y[train])
            found = Deviations.empty(64).updated(statistics, x[train], y[train])
            rates += [
                alarms(statistics, found, x[fresh], rate) / rate
                for rate in (0.05, 0.1)
            ]
    rates = np.mean(np.reshape(rates, (6, 4)), 0)
    assert (0.5 < rates).all() and (rates < 1.5).all()


def test_the_skew_is_that_of_all_samples_however_they_come():
    x, labels = leaning([0, 1], 400)
    parts = [(x[rows], labels[rows]) for rows in (labels < 2, labels == 0)]
    statistics, found = learned(parts[:1])
    means = WhitenedMeans.of(statistics)
    for label in (0, 1):
        steps = x[labels == label] - statistics.means[label]
        lengths = means.left_out_lengths(steps, 400)
        far = (lengths - lengths.mean()) / lengths.std()
        slow = (far[:, None] * steps).mean(0)
        np.testing.assert_allclose(found.skews[label], slow, atol=1e-6)
    # The same samples again are as skew as before.
    again = learned([*parts[:1], *parts[:1]])[1]
    np.testing.assert_allclose(again.skews, found.skews, rtol=0.02, atol=0.01)
    # Toward the other class.
    assert found.skews[0] @ (statistics.means[1] - statistics.means[0]) > 0


def test_mixtures_are_as_large_as_the_deviations_of_a_class():
    ratios = []
    for seed in range(30):
        x, labels = clouds([0], 60, seed)
        first = np.arange(60) < 20
        parts = (x[first], labels[first]), (x[~first], labels[~first])
        for given in (parts, [(x, labels)]):
            statistics, found = learned(given)
            assert found.counts.tolist() == [60]
            true = statistics.within / len(statistics)
            ratios.append(np.square(found.mixtures).sum() / true)
    np.testing.assert_allclose(
        np.mean(np.reshape(ratios, (-1, 2)), 0), 1, atol=0.15
    )


@pytest.mark.parametrize("count", [4, 10])
def test_of_few_samples_distances_are_those_of_left_out_ones(count):
    x = np.random.default_rng(0).normal(size=(3 * count, 5 * WIDTH))
    labels = np.repeat(np.arange(3), count)
    x = 3 * labels[:, None] + x
    statistics = FeatureStatistics.of(x, labels)
    means = WhitenedMeans.of(statistics)
    found = Deviations.empty(5 * WIDTH).updated(statistics, x, labels)
    for label in range(3):
        steps = x[labels == label] - statistics.means[label]
        level = np.square(means.white(steps)).sum() / count
        mixtures = means.white(found.mixtures[label])
        assert np.square(mixtures).sum() == pytest.approx(level, rel=1e-5)
        drawn = means.lengths_within(found.quantiles[label], level, count)
        change = means.share * count / (count - 1)
        drawn = drawn * (count / (count - 1)) ** 2 / (1 - change * drawn)
        exact = means.left_out_lengths(steps, count)
        assert drawn.mean() == pytest.approx(exact.mean(), rel=0.05)


def test_a_class_that_comes_twice_has_false_alarms_at_the_rate():
    x, labels = clouds([0, 1], 300)
    half = np.arange(len(x)) % 2 == 0
    known = learned([(x[half], labels[half]), (x[~half], labels[~half])])
    fresh, _ = clouds([0, 1], 2000, 5)
    assert 0.025 < alarms(*known, fresh) < 0.1


def test_no_mixture_is_of_one_sample():
    x, labels = clouds([0], 5)
    statistics, found = learned([(x, labels)])
    steps = x - statistics.means[0]
    kept = found.mixtures[0][found.mixtures[0].any(-1)]
    angles = (
        kept
        @ steps.T
        / np.outer(np.linalg.norm(kept, axis=1), np.linalg.norm(steps, axis=1))
    )
    assert np.abs(angles[:-1]).max() < 1.0
    # They tell no more than the sum of the outer products of deviations.
    assert np.allclose(np.tril(kept, -1), 0, atol=1e-6)


def test_a_class_of_one_sample_or_removed_is_not_measured():
    x, labels = clouds([0, 1, 2], 20)
    x, labels = x[:-19], labels[:-19]
    statistics, found = learned([(x, labels)])
    assert found.measured(statistics).tolist() == [0, 1]
    assert set(found.drawn(statistics)[2]) == {0, 1}
    gone = found.without([0])
    assert gone.mixtures.shape == (1, 8, WIDTH)
    assert gone.measured(statistics).tolist() == [1]


@pytest.mark.parametrize("samples", ["equal", "constant"])
def test_samples_that_do_not_vary_have_finite_scores(samples):
    x, labels = clouds([0, 1], 10)
    x = np.zeros_like(x) if samples == "constant" else x[labels * 10]
    statistics, found = learned([(x, labels)])
    far, between, _ = found.drawn(statistics)
    assert np.isfinite(far).all() and np.isfinite(between).all()


def test_many_classes_are_measured_by_the_first(monkeypatch):
    monkeypatch.setattr(deviations, "MOST", 2)
    x, labels = clouds([0, 1, 2], 20)
    statistics, found = learned([(x, labels), (x, labels)])
    assert found.measured(statistics).tolist() == [0, 1]
    assert found.counts.tolist() == [40, 40]


def test_a_store_brings_them_back_and_others_are_refused():
    _, found = learned([clouds([0, 1], 20)])
    store = {}
    found.save_to(store, "a_")
    again = Deviations.load_from(store, WIDTH, "a_")
    for name in Deviations.ARRAYS:
        np.testing.assert_array_equal(
            getattr(again, name), getattr(found, name)
        )
    store["a_quantiles"] = store["a_quantiles"][:, 1:]
    with pytest.raises(ValueError, match="quantiles"):
        Deviations.load_from(store, WIDTH, "a_")
    assert not len(Deviations.load_from({}, WIDTH, "a_").classes)


def test_a_store_of_an_earlier_version_has_no_skew():
    statistics, found = learned([leaning([0, 1], 20)])
    store = {}
    found.save_to(store, "a_")
    del store["a_skews"]
    again = Deviations.load_from(store, WIDTH, "a_")
    assert again.skews.shape == found.skews.shape and not again.skews.any()
    assert np.isfinite(again.drawn(statistics)[1]).all()
    store["a_skews"] = found.skews[:1]
    with pytest.raises(ValueError, match="1, 12.* skews"):
        Deviations.load_from(store, WIDTH, "a_")


def test_samples_of_a_class_are_looked_at_some_at_a_time(monkeypatch):
    x, labels = clouds([0, 1], 4000)
    x, half = x.astype("float32"), labels == 0
    half[::3] = True

    parts = [(x[rows], labels[rows]) for rows in (half, ~half)]
    known = [FeatureStatistics.of(*part) for part in parts]

    def made():
        kept = Deviations.empty(WIDTH)
        for statistics, part in zip(known, parts, strict=True):
            kept = kept.updated(statistics, *part)
        return kept

    expected = made()
    monkeypatch.setattr(deviations, "AT_ONCE", 2**12)
    tracemalloc.start()
    found = made()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    for name in Deviations.ARRAYS:
        np.testing.assert_allclose(
            getattr(found, name), getattr(expected, name), rtol=1e-4, atol=1e-6
        )
    # Their deviations, of twice the bytes, were held several times.
    assert peak < 1.5 * x.nbytes
