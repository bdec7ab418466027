import keras
import numpy as np
import pytest

from keras_incremental.losses import IncrementalSigmoidCrossentropy
from keras_incremental.losses.incremental_sigmoid_crossentropy import (
    sigmoid_crossentropy,
)
from keras_incremental.testing.gradients import gradient

LABELS = np.array([2, 0])
Z = np.array([[1.0, -2, 0.5], [3, 0, -1]], "float32")


def sigmoid(z):
    return 1 / (1 + np.exp(-np.float64(z)))


def by_hand(targets, z):
    p = sigmoid(z)
    return -(targets * np.log(p) + (1 - targets) * np.log(1 - p))


def test_with_no_old_class_it_is_the_mean_over_samples_and_classes():
    expected = by_hand(np.eye(3)[LABELS], Z).mean()
    value = float(IncrementalSigmoidCrossentropy()(LABELS, Z))
    assert value == pytest.approx(expected, rel=1e-5)


def test_new_classes_are_divided_by_the_number_of_all_classes():
    expected = by_hand(np.eye(3)[LABELS], Z)[:, 2:].sum() / Z.size
    value = float(IncrementalSigmoidCrossentropy(num_old=2)(LABELS, Z))
    assert value == pytest.approx(expected, rel=1e-5)


def test_no_sample_pushes_the_old_logits():
    loss = IncrementalSigmoidCrossentropy(num_old=2)
    slope = gradient(lambda z: loss(LABELS, z), Z)
    assert not slope[:, :2].any()
    expected = (sigmoid(Z) - np.eye(3)[LABELS])[:, 2] / Z.size
    np.testing.assert_allclose(slope[:, 2], expected, atol=1e-6)


def test_large_logits_give_finite_losses():
    z = np.array([-1e4, 1e4], "float32")
    for target, expected in ((0.0, [0, 1e4]), (1.0, [1e4, 0])):
        targets = keras.ops.full((2,), target)
        found = sigmoid_crossentropy(targets, keras.ops.convert_to_tensor(z))
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(found), expected, atol=1e-6
        )
