import numpy as np
import pytest

from keras_incremental.metrics import confusion_groups

# Two old classes, two new ones.
LABELS = np.array([0, 0, 0, 1, 1, 2, 2, 3])
PREDICTIONS = np.array([0, 1, 2, 1, 3, 2, 3, 0])


def test_every_sample_is_in_one_of_six_groups():
    groups = confusion_groups(LABELS, PREDICTIONS, num_old=2)
    assert (groups.old_right, groups.old_wrong, groups.old_as_new) == (2, 1, 2)
    assert (groups.new_right, groups.new_wrong, groups.new_as_old) == (1, 1, 1)


def test_rates_are_shares_of_the_truth():
    rates = confusion_groups(LABELS, PREDICTIONS, num_old=2).rates
    assert rates["old_as_new"] == pytest.approx(2 / 5)
    assert rates["new_as_old"] == pytest.approx(1 / 3)
    old = rates["old_right"] + rates["old_wrong"] + rates["old_as_new"]
    assert old == pytest.approx(1)


def test_recency_bias_is_old_for_new_less_new_for_old():
    groups = confusion_groups(LABELS, PREDICTIONS, num_old=2)
    assert groups.recency_bias == pytest.approx(2 / 5 - 1 / 3)


def test_without_old_samples_their_rates_are_nan():
    rates = confusion_groups([2], [2], num_old=2).rates
    assert np.isnan(rates["old_right"])
    assert rates["new_right"] == 1
