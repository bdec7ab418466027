import numpy as np
import pytest

from keras_incremental.statistics import FeatureStatistics
from keras_incremental.statistics.feature_statistics import described

MEANS = 6 * np.random.default_rng(0).normal(size=(5, 8))
SPREAD = np.linspace(0.5, 2, 8)


def seen(classes, count=400):
    random = np.random.default_rng(1)
    labels = np.repeat(classes, count)
    noise = random.normal(size=(len(labels), 8)) * SPREAD
    return FeatureStatistics.of(MEANS[labels] + noise, labels)


def columns(size=1.0):
    """The columns of the best linear head for these classes."""
    return size * (MEANS / SPREAD**2).T


@pytest.mark.parametrize("size", [1.0, 0.01, 30.0])
def test_the_mean_of_a_class_is_told_by_its_column(size):
    found = described(seen([0, 1, 2, 3]), columns(size), [4])
    np.testing.assert_allclose(found.means[4], MEANS[4], atol=1.0)
    assert found.counts.tolist() == [400] * 5


def test_what_was_seen_stays_as_it_was():
    before = seen([0, 1, 3, 4])
    found = described(before, columns(), [2])
    np.testing.assert_allclose(
        found.means[[0, 1, 3, 4]], MEANS[[0, 1, 3, 4]], atol=0.3
    )
    np.testing.assert_array_equal(found.means[[0, 4]], before.means[[0, 4]])
    np.testing.assert_allclose(
        found.scatter / len(found), before.scatter / len(before)
    )


def test_without_a_missing_class_nothing_is_added():
    before = seen([0, 1])
    assert described(before, columns()[:, :2], []) is before


def test_classes_that_the_head_does_not_know_yet_are_left_alone():
    found = described(seen([0, 1, 2, 4]), columns()[:, :4], [3])
    assert found.counts.tolist() == [400] * 5
    np.testing.assert_allclose(found.means[3], MEANS[3], atol=1.5)


def test_columns_of_zeros_put_a_class_between_the_others():
    found = described(seen([0, 1]), np.zeros((8, 3)), [2])
    middle = found.means[:2].mean(0)
    np.testing.assert_allclose(found.means[2], middle)
