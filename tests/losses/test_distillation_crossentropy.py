import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental.losses import DistillationCrossentropy
from keras_incremental.losses.distillation_crossentropy import merge_logits
from keras_incremental.testing.gradients import gradient

TEACHER = np.array([[1.0, -1.0, 0.5], [2.0, 0.0, -3.0]], "float32")
NEW = np.array([[4.0, -7.0], [0.0, 2.0]], "float32")
EQUAL = np.concatenate([TEACHER, NEW], -1)
OTHER = np.array([[0.3, 1.0, -2.0, 9, 1], [1.0, 1.0, 0.0, 5, 5]], "float32")


def softmax(z, temperature=1.0):
    e = np.exp(np.float64(z) / temperature)
    return e / e.sum(-1, keepdims=True)


def by_hand(teacher, student, temperature):
    q, p = softmax(teacher, temperature), softmax(student, temperature)
    return -(q * np.log(p)).sum(-1).mean()


@pytest.mark.parametrize("temperature", [1.0, 2.0, 7.0])
def test_value_is_the_crossentropy_of_the_softened_old_classes(temperature):
    loss = DistillationCrossentropy(temperature=temperature)
    expected = by_hand(TEACHER, OTHER[:, :3], temperature)
    assert float(loss(TEACHER, OTHER)) == pytest.approx(expected, rel=1e-5)


def test_gradient_is_zero_where_the_old_logits_agree():
    def loss(z):
        return DistillationCrossentropy()(TEACHER, z)

    assert np.abs(gradient(loss, EQUAL)).max() <= 1e-7


def test_value_is_the_entropy_of_the_teacher_where_they_agree():
    value = float(DistillationCrossentropy()(TEACHER, EQUAL))
    assert value == pytest.approx(by_hand(TEACHER, TEACHER, 2.0), rel=1e-6)


def test_new_classes_get_no_gradient():
    def loss(z):
        return DistillationCrossentropy()(TEACHER, z)

    grads = gradient(loss, OTHER)
    assert not grads[:, 3:].any() and grads[:, :3].any()


def test_gradient_is_the_difference_of_the_softened_probabilities():
    def loss(z):
        return DistillationCrossentropy(temperature=4.0, reduction="sum")(
            TEACHER, z
        )

    expected = softmax(OTHER[:, :3], 4.0) - softmax(TEACHER, 4.0)
    grads = gradient(loss, OTHER)[:, :3]
    np.testing.assert_allclose(grads, expected / 4.0, atol=1e-6)


def test_scale_multiplies_by_the_squared_temperature():
    plain = float(DistillationCrossentropy(temperature=3.0)(TEACHER, OTHER))
    scaled = DistillationCrossentropy(temperature=3.0, scale=True)(
        TEACHER, OTHER
    )
    assert float(scaled) == pytest.approx(9 * plain, rel=1e-6)


def test_a_constant_added_to_all_logits_of_an_example_changes_nothing():
    loss = DistillationCrossentropy()
    shift = np.array([[3.0], [-2.0]], "float32")
    expected = float(loss(TEACHER, OTHER))
    shifted = float(loss(TEACHER + shift, OTHER - shift))
    assert shifted == pytest.approx(expected, rel=1e-5)


def test_a_certain_teacher_gives_the_crossentropy_of_its_answer():
    loss = DistillationCrossentropy(temperature=1.0)
    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    expected = float(plain(np.array([0, 0]), OTHER[:, :3]))
    value = float(loss(1000 * TEACHER, OTHER))
    assert value == pytest.approx(expected, rel=1e-5)


def test_a_teacher_of_one_class_says_nothing():
    assert float(DistillationCrossentropy()(TEACHER[:, :1], OTHER)) == 0.0


def test_merged_classes_add_their_probabilities():
    merged = merge_logits(OTHER, 3, [0, 1, 2, 1, -1])
    exp = np.exp(OTHER)
    expected = np.stack([exp[:, 0], exp[:, 1] + exp[:, 3], exp[:, 2]], -1)
    merged = ops.convert_to_numpy(merged)
    np.testing.assert_allclose(merged, np.log(expected), rtol=1e-5)


def test_merging_needs_no_range_of_the_exponential():
    z = np.array([[0.0, -500.0, -501.0]], "float32")
    merged = ops.convert_to_numpy(merge_logits(z, 2, [0, 1, 1]))
    np.testing.assert_allclose(merged, [[0.0, -500 + np.log1p(np.exp(-1))]])


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
def test_a_class_just_split_from_its_parent_costs_no_gradient(temperature):
    share = np.array([[np.log(0.9), np.log(0.1)]], "float32")
    children = TEACHER[:, 1:2] + share
    z = np.concatenate(
        [TEACHER[:, :1], children[:, :1], TEACHER[:, 2:], children[:, 1:]], -1
    )

    def loss(z):
        loss = DistillationCrossentropy([0, 1, 2, 1], temperature=temperature)
        return loss(TEACHER, z)

    assert np.abs(gradient(loss, z)).max() <= 1e-6


def test_the_identity_mapping_is_the_default():
    loss = DistillationCrossentropy([0, 1, 2, -1, -1])
    expected = float(DistillationCrossentropy()(TEACHER, OTHER))
    assert float(loss(TEACHER, OTHER)) == pytest.approx(expected, rel=1e-6)


def test_classes_in_another_order_are_mapped_back():
    order = [2, 0, 1]
    loss = DistillationCrossentropy([*order, -1, -1])
    z = np.concatenate([TEACHER[:, order], NEW], -1)
    value = float(loss(TEACHER, z))
    assert value == pytest.approx(by_hand(TEACHER, TEACHER, 2.0), rel=1e-6)


def test_the_teacher_gets_no_gradient():
    def loss(t):
        return DistillationCrossentropy()(t, OTHER)

    assert not gradient(loss, TEACHER).any()


def test_probabilities_give_the_loss_of_their_logits():
    loss = DistillationCrossentropy(from_logits=False)
    value = float(loss(softmax(TEACHER), softmax(OTHER)))
    expected = float(DistillationCrossentropy()(TEACHER, OTHER))
    assert value == pytest.approx(expected, rel=1e-3)


def test_example_weights_reach_every_pixel():
    loss = DistillationCrossentropy(reduction="sum")
    teacher = np.stack([np.tile(t, (2, 2, 1)) for t in TEACHER])
    student = np.stack([np.tile(z, (2, 2, 1)) for z in OTHER])
    weighted = float(loss(teacher, student, np.array([0.0, 1.0])))
    alone = float(loss(TEACHER[1:], OTHER[1:]))
    assert weighted == pytest.approx(4 * alone, rel=1e-5)


def test_it_is_called_as_a_distillation_loss_of_keras():
    loss = DistillationCrossentropy()
    value = loss.compute_loss(TEACHER, OTHER)
    assert float(value) == float(loss(TEACHER, OTHER))


def test_a_teacher_wider_than_the_student_is_refused():
    with pytest.raises(ValueError, match="5 classes and the student only 3"):
        DistillationCrossentropy()(OTHER, TEACHER)


@pytest.mark.parametrize("mapping", [[], [0, 2], [-2, 0], [-1, -1]])
def test_a_mapping_that_misses_a_teacher_class_is_refused(mapping):
    with pytest.raises(ValueError, match="every class of the teacher"):
        DistillationCrossentropy(mapping)


def test_a_mapping_for_another_student_is_refused():
    with pytest.raises(ValueError, match="4 entries, but the student has 5"):
        DistillationCrossentropy([0, 1, 2, -1])(TEACHER, OTHER)


def test_a_teacher_of_another_phase_is_refused():
    with pytest.raises(ValueError, match="teacher of 2 classes"):
        DistillationCrossentropy(num_old=2)(TEACHER, OTHER)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    with pytest.raises(ValueError, match="temperature="):
        DistillationCrossentropy(temperature=temperature)
