import numpy as np
import pytest
from keras import ops

from keras_incremental.contrib import DoubleDistillation
from keras_incremental.contrib.double_distillation import double_targets

OLD = np.array([[1.0, 5], [0, 2]], "float32")
NEW = np.array([[3.0, 0, 0], [1, 2, 6]], "float32")
STUDENT = np.arange(10, dtype="float32").reshape(2, 5)


def targets(old, new):
    found = double_targets(*(ops.convert_to_tensor(x) for x in (old, new)))
    return ops.convert_to_numpy(found)


def value(old, new, student):
    teacher = {"logits": old, "expert": new}
    outputs = DoubleDistillation().compute_loss(teacher, {"logits": student})
    return float(ops.convert_to_numpy(outputs))


def test_targets_sum_to_zero_in_each_group():
    found = targets(OLD, NEW)
    np.testing.assert_allclose(found[:, :2].sum(-1), 0.0, atol=1e-6)
    np.testing.assert_allclose(found[:, 2:].sum(-1), 0.0, atol=1e-6)
    np.testing.assert_allclose(found[0], [-2, 2, 2, -1, -1], atol=1e-6)


def test_a_constant_of_a_sample_has_no_effect():
    shift = np.array([[7.0], [-2]], "float32")
    expected = targets(OLD, NEW)
    for moved in (targets(OLD + shift, NEW), targets(OLD, NEW - shift)):
        np.testing.assert_allclose(moved, expected, atol=1e-5)


def test_value_is_the_mean_squared_difference():
    expected = ((STUDENT - targets(OLD, NEW)) ** 2).mean()
    assert value(OLD, NEW, STUDENT) == pytest.approx(expected, rel=1e-6)


def test_a_student_of_the_targets_gives_zero():
    assert value(OLD, NEW, targets(OLD, NEW)) == 0.0
