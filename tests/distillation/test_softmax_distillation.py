import keras
import numpy as np
import pytest

from keras_incremental.distillation import GroupDistillation
from keras_incremental.distillation import SoftmaxDistillation
from keras_incremental.testing.gradients import gradient
from keras_incremental.utils.phase import Phase

TEACHER = np.array([[1.0, -1.0, 0.5], [2.0, 0.0, -3.0]], "float32")
NEW = np.array([[4.0, -7.0], [0.0, 2.0]], "float32")
OTHER = np.array([[0.3, 1.0, -2.0, 9, 1], [1.0, 1.0, 0.0, 5, 5]], "float32")
ONE_GROUP = Phase((3, 2), 3, (1, 1, 1, 5, 5))
TWO_GROUPS = Phase((2, 1, 2), 3, (1, 1, 1, 5, 5), index=2)
PAIRS = Phase((1, 2, 2), 3, (1, 1, 1, 5, 5), index=2)


def softmax(z, temperature=1.0):
    e = np.exp(np.float64(z) / temperature)
    return e / e.sum(-1, keepdims=True)


def entropy(q):
    return -(q * np.log(q)).sum(-1).mean()


def value(term, teacher, student):
    outputs = term.compute_loss({"logits": teacher}, {"logits": student})
    return float(keras.ops.convert_to_numpy(outputs))


def slope(term, student):
    def loss(z):
        return term.compute_loss({"logits": TEACHER}, {"logits": z})

    return gradient(loss, student)


@pytest.mark.parametrize(
    "term",
    [SoftmaxDistillation(), GroupDistillation().for_phase(PAIRS)],
    ids=["all", "groups"],
)
@pytest.mark.parametrize("new", [NEW, 100 * NEW, -NEW])
def test_kd_zero_gradient_when_equal(term, new):
    student = np.concatenate([TEACHER, new], -1)
    assert np.abs(slope(term, student)).max() <= 1e-7


def test_value_is_the_entropy_of_the_teacher_where_equal():
    student = np.concatenate([TEACHER, NEW], -1)
    expected = entropy(softmax(TEACHER, 2.0))
    found = value(SoftmaxDistillation(), TEACHER, student)
    assert found == pytest.approx(expected, rel=1e-6)


def test_kd_shift_invariant():
    shift = np.array([[3.0], [-2.0]], "float32")
    for term in (SoftmaxDistillation(), GroupDistillation().for_phase(PAIRS)):
        expected = value(term, TEACHER, OTHER)
        found = value(term, TEACHER + shift, OTHER - shift)
        assert found == pytest.approx(expected, rel=1e-5)


def test_kd_ignores_new_columns():
    changed = OTHER + np.float32([0, 0, 0, 7, -3])
    for term in (SoftmaxDistillation(), GroupDistillation().for_phase(PAIRS)):
        assert value(term, TEACHER, changed) == value(term, TEACHER, OTHER)
        assert not slope(term, OTHER)[:, 3:].any()


@pytest.mark.parametrize(("scale", "factor"), [(False, 0.25), (True, 4.0)])
def test_gradient_is_the_difference_of_the_softened_probabilities(
    scale, factor
):
    term = SoftmaxDistillation(temperature=4.0, scale=scale)
    expected = softmax(OTHER[:, :3], 4.0) - softmax(TEACHER, 4.0)
    found = slope(term, OTHER)[:, :3]
    np.testing.assert_allclose(found, factor * expected / 2, atol=1e-6)


def test_a_certain_teacher_gives_the_crossentropy_of_its_answer():
    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    expected = float(plain(np.array([0, 0]), OTHER[:, :3]))
    found = value(SoftmaxDistillation(temperature=1.0), 1000 * TEACHER, OTHER)
    assert found == pytest.approx(expected, rel=1e-5)


def test_a_large_temperature_compares_centered_logits():
    term = SoftmaxDistillation(temperature=100.0, scale=True)
    least = 100.0**2 * entropy(softmax(TEACHER, 100.0))
    difference = OTHER[:, :3] - TEACHER
    expected = 0.5 * difference.var(axis=-1).mean()
    found = value(term, TEACHER, OTHER) - least
    assert found == pytest.approx(expected, abs=0.05)


def test_a_single_old_class_says_nothing():
    assert value(SoftmaxDistillation(), TEACHER[:, :1], OTHER) == 0.0


def test_one_old_group_is_plain_distillation():
    term = GroupDistillation(temperature=3.0, scale=True).for_phase(ONE_GROUP)
    plain = SoftmaxDistillation(temperature=3.0, scale=True)
    assert value(term, TEACHER, OTHER) == value(plain, TEACHER, OTHER)


def test_each_old_group_has_a_softmax_of_its_own():
    term = GroupDistillation(temperature=2.0).for_phase(PAIRS)
    q, p = softmax(TEACHER[:, 1:], 2.0), softmax(OTHER[:, 1:3], 2.0)
    expected = -(q * np.log(p)).sum(-1).mean()
    assert value(term, TEACHER, OTHER) == pytest.approx(expected, rel=1e-5)


def test_groups_do_not_move_each_other():
    term = GroupDistillation().for_phase(TWO_GROUPS)
    found = slope(term, OTHER)
    # The second old group is one class, which is always certain.
    assert found[:, :2].all() and not found[:, 2:].any()
    np.testing.assert_allclose(found[:, :2].sum(-1), 0.0, atol=1e-7)


def test_groups_without_a_phase_are_refused():
    with pytest.raises(ValueError, match="for_phase"):
        value(GroupDistillation(), TEACHER, OTHER)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_an_impossible_temperature_is_refused(temperature):
    with pytest.raises(ValueError, match="temperature="):
        SoftmaxDistillation(temperature=temperature)
