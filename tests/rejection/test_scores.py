import numpy as np
import pytest

from keras_incremental.layers.streaming_lda import shrunk
from keras_incremental.rejection import distance
from keras_incremental.rejection import distance_and_energy
from keras_incremental.rejection import energy
from keras_incremental.rejection import max_softmax
from keras_incremental.statistics import FeatureStatistics

GENERATOR = np.random.default_rng(0)
LOGITS = GENERATOR.normal(size=(3, 4, 5))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_energy_is_minus_the_log_of_the_sum_of_exponentials(temperature):
    slow = np.exp(LOGITS / temperature).sum(-1)
    np.testing.assert_allclose(
        energy(LOGITS, temperature), -temperature * np.log(slow)
    )


def test_energy_of_large_logits_is_finite():
    np.testing.assert_allclose(energy([[1e4, 0.0]]), [-1e4])


def test_a_temperature_of_zero_is_refused():
    with pytest.raises(ValueError, match="temperature=0"):
        energy(LOGITS, 0)


def test_max_softmax_is_one_minus_the_largest_probability():
    parts = np.exp(LOGITS)
    slow = 1 - (parts / parts.sum(-1, keepdims=True)).max(-1)
    np.testing.assert_allclose(max_softmax(LOGITS), slow)


def test_max_softmax_tells_apart_what_rounds_to_one():
    very, more = max_softmax([[50.0, 0.0], [60.0, 0.0]])
    assert 0 < more < very < 1e-20


def clouds(count=500):
    """Two stretched clouds in the plane, far from 0."""
    labels = np.repeat([0, 1], count)
    centers = np.array([[1000.0, 0.0], [1000.0, 50.0]])
    noise = np.random.default_rng(1).normal(size=(2 * count, 2)) * [10, 1]
    return centers[labels] + noise, labels


def test_distance_is_that_of_mahalanobis_to_the_nearest_mean():
    features, labels = clouds()
    statistics = FeatureStatistics().updated(features, labels)
    covariance = shrunk(statistics.scatter / 1000, "oas", 1000)
    samples = np.array([[1010.0, 0.0], [1000.0, 45.0], [900.0, 500.0]])
    slow = [
        min(
            np.sqrt(step @ np.linalg.solve(covariance, step))
            for step in sample - statistics.means
        )
        for sample in samples
    ]
    np.testing.assert_allclose(distance(samples, statistics), slow)


def test_distance_counts_in_standard_deviations():
    features, labels = clouds()
    statistics = FeatureStatistics().updated(features, labels)
    along, across = distance([[1030.0, 0.0], [1000.0, -3.0]], statistics)
    assert 2.7 < along < 3.3
    assert 2.6 < across < 3.3


def test_distance_does_not_lose_digits_far_from_zero():
    features, labels = clouds()
    near = FeatureStatistics().updated(features, labels)
    far = FeatureStatistics().updated(features + 1e6, labels)
    np.testing.assert_allclose(
        distance(features + 1e6, far), distance(features, near), rtol=1e-5
    )


def test_distance_leaves_classes_without_pictures_out():
    features, labels = clouds()
    one = FeatureStatistics().updated(features, 2 * labels + 1)
    two = FeatureStatistics().updated(features, labels)
    np.testing.assert_allclose(distance(features, one), distance(features, two))


def test_distance_of_fewer_samples_than_features_is_finite():
    features = GENERATOR.normal(size=(6, 40))
    statistics = FeatureStatistics().updated(features, np.arange(6) % 2)
    assert np.isfinite(distance(features, statistics)).all()


def test_distance_keeps_the_shape_of_maps():
    features, labels = clouds()
    statistics = FeatureStatistics().updated(features, labels)
    maps = features.reshape(10, 20, 5, 2)
    np.testing.assert_allclose(
        distance(maps, statistics).ravel(), distance(features, statistics)
    )


def test_distance_in_chunks_is_the_same(monkeypatch):
    features, labels = clouds(20)
    statistics = FeatureStatistics().updated(features, labels)
    whole = distance(features, statistics)
    monkeypatch.setattr("keras_incremental.rejection.scores.CHUNK", 7)
    np.testing.assert_allclose(distance(features, statistics), whole)


def test_both_are_the_sum_of_distance_and_weighted_energy():
    features, labels = clouds(20)
    statistics = FeatureStatistics().updated(features, labels)
    logits = np.random.default_rng(0).normal(size=(len(features), 3))
    np.testing.assert_allclose(
        distance_and_energy(logits, features, statistics, weight=2.5),
        distance(features, statistics) + 2.5 * energy(logits),
    )
