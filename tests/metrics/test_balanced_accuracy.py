import keras
import numpy as np
import pytest

from keras_incremental.metrics import BalancedAccuracy

SAID = np.eye(4)[[0, 1, 0, 2, 0, 3]]
LABELS = np.array([0, 1, 1, 2, 3, 3])


def test_it_is_the_mean_of_old_and_new():
    metric = BalancedAccuracy(num_old=2)
    metric.update_state(LABELS[:4], SAID[:4])
    metric.update_state(LABELS[4:], SAID[4:])
    assert float(metric.result()) == pytest.approx((2 / 3 + 2 / 3) / 2)


def test_rare_new_classes_count_as_much_as_old_ones():
    metric = BalancedAccuracy(num_old=1)
    metric.update_state(np.array([0] * 9 + [1]), np.eye(2)[[0] * 10])
    assert float(metric.result()) == pytest.approx(0.5)


def test_of_one_group_it_is_the_accuracy():
    metric = BalancedAccuracy(num_old=0)
    metric.update_state(LABELS, SAID)
    assert float(metric.result()) == pytest.approx(4 / 6)


def test_labels_that_are_no_class_do_not_count():
    metric = BalancedAccuracy(num_old=2)
    metric.update_state(np.array([-1, 4, 0, 3]), np.eye(4)[[0, 0, 0, 3]])
    assert float(metric.result()) == 1.0


def test_pixels_count_one_by_one():
    metric = BalancedAccuracy(num_old=2)
    metric.update_state(LABELS.reshape(1, 2, 3), SAID.reshape(1, 2, 3, 4))
    assert float(metric.result()) == pytest.approx(2 / 3)


def test_nothing_seen_is_zero_and_reset_forgets():
    metric = BalancedAccuracy(num_old=2)
    metric.update_state(LABELS, SAID)
    metric.reset_state()
    assert float(metric.result()) == 0.0


def test_it_comes_back_from_its_config():
    metric = BalancedAccuracy(num_old=2, name="both")
    same = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(metric)
    )
    assert (same.num_old, same.name) == (2, "both")
