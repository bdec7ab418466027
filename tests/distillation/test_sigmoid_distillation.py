import keras
import numpy as np
import pytest

from keras_incremental.distillation import SigmoidDistillation
from keras_incremental.losses import IncrementalSigmoidCrossentropy
from keras_incremental.testing.gradients import gradient

TEACHER = np.array([[1.0, -2], [0.5, 3], [-1, 0]], "float32")
STUDENT = np.array([[0.3, 1, -2], [1, 1, 0], [0, 2, 1]], "float32")
# A new sample, and exemplars of both old classes.
LABELS = np.array([2, 0, 1])


def sigmoid(z):
    return 1 / (1 + np.exp(-np.float64(z)))


def distilled(student):
    return SigmoidDistillation().compute_loss(
        {"logits": TEACHER}, {"logits": student}
    )


def whole(student):
    labeled = IncrementalSigmoidCrossentropy(num_old=2)(LABELS, student)
    return labeled + distilled(student)


def test_icarl_targets_exemplar_replaced():
    targets = np.concatenate([sigmoid(TEACHER), LABELS[:, None] == 2], -1)
    p = sigmoid(STUDENT)
    each = -(targets * np.log(p) + (1 - targets) * np.log(1 - p))
    found = float(keras.ops.convert_to_numpy(whole(STUDENT)))
    assert found == pytest.approx(each.mean(), rel=1e-5)


def test_gradient_of_old_logits_is_the_difference_of_probabilities():
    expected = (sigmoid(STUDENT[:, :2]) - sigmoid(TEACHER)) / STUDENT.size
    found = gradient(whole, STUDENT)[:, :2]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_gradient_is_zero_where_equal_also_for_exemplars_of_the_class():
    student = np.concatenate([TEACHER, STUDENT[:, 2:]], -1)
    found = gradient(whole, student)
    np.testing.assert_allclose(found[:, :2], 0.0, atol=1e-7)
    assert found[:, 2].all()


def test_new_logits_are_left_alone():
    assert not gradient(distilled, STUDENT)[:, 2].any()


def test_summed_over_classes_the_whole_is_as_often_larger():
    labeled = IncrementalSigmoidCrossentropy(num_old=2, sum_classes=True)
    term = SigmoidDistillation(sum_classes=True)
    kept = term.compute_loss({"logits": TEACHER}, {"logits": STUDENT})
    summed = float(keras.ops.convert_to_numpy(labeled(LABELS, STUDENT) + kept))
    mean = float(keras.ops.convert_to_numpy(whole(STUDENT)))
    assert summed == pytest.approx(3 * mean, rel=1e-5)
