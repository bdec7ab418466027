import numpy as np
import pytest

from keras_incremental.metrics import calibration_by_age
from keras_incremental.metrics import calibration_error


def pairs(confidences):
    confidences = np.asarray(confidences)
    return np.stack([confidences, 1 - confidences], axis=-1)


def test_ece_known_bins():
    # 0.7 and 0.72 share a bin of 15, of accuracy 0.5; 0.9 is wrong.
    labels = [0, 1, 1]
    expected = (abs(1 - 0.7 - 0.72) + 0.9) / 3
    value = calibration_error(labels, pairs([0.7, 0.72, 0.9]))
    assert value == pytest.approx(expected)


def test_errors_of_two_signs_add_up_unless_in_one_bin():
    labels, probabilities = [0, 1], pairs([0.55, 0.95])
    apart = calibration_error(labels, probabilities)
    together = calibration_error(labels, probabilities, num_bins=1)
    assert apart == pytest.approx((0.45 + 0.95) / 2)
    assert together == pytest.approx(abs(0.45 - 0.95) / 2)


def test_a_confidence_of_one_is_in_the_last_bin():
    # 1.0 is right and 0.99 wrong: one bin, so they make up for each other.
    value = calibration_error([0, 1], pairs([1.0, 0.99]))
    assert value == pytest.approx(0.99 / 2)


def test_old_and_new_classes_are_calibrated_on_their_own():
    labels = [0, 0, 1, 1]
    probabilities = [[0.6, 0.4], [0.6, 0.4], [0.2, 0.8], [0.8, 0.2]]
    errors = calibration_by_age(labels, probabilities, num_old=1)
    assert errors["old"] == pytest.approx(0.4)
    assert errors["new"] == pytest.approx(0.3)
    assert errors["all"] == pytest.approx((2 * 0.4 + 2 * 0.3) / 4)


def test_nothing_to_calibrate_is_nan():
    errors = calibration_by_age([1], [[0.0, 1.0]], num_old=1)
    assert np.isnan(errors["old"])
    assert errors["new"] == 0


def test_logits_are_refused():
    with pytest.raises(ValueError, match="softmax"):
        calibration_error([0], [[3.0, 1.0]])


def test_less_than_one_bin_is_refused():
    with pytest.raises(ValueError, match="num_bins=0"):
        calibration_error([0], [[1.0, 0.0]], num_bins=0)
