import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental.losses import CandidateSetCrossentropy
from keras_incremental.losses import DistillationCrossentropy
from keras_incremental.losses import LossWithTeacher

Z = np.array([[0.3, 1.0, -2.0], [1.0, 1.0, 0.0]], "float32")
TEACHER = np.array([[1.0, -1.0], [2.0, 0.0]], "float32")
LABELS = np.array([2, 0])
SPARSE = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def joined(labels=LABELS):
    labels = labels.reshape(len(labels), -1)
    return np.concatenate([labels, TEACHER], -1).astype("float32")


def test_the_total_is_loss_plus_weighted_distillation():
    loss = LossWithTeacher(SPARSE, num_old=2, weight=3.0, temperature=5.0)
    distillation = DistillationCrossentropy(temperature=5.0)
    expected = float(SPARSE(LABELS, Z)) + 3 * float(distillation(TEACHER, Z))
    assert float(loss(joined(), Z)) == pytest.approx(expected, rel=1e-6)


def test_one_hot_labels_give_the_same_total():
    one_hot = keras.losses.CategoricalCrossentropy(from_logits=True)
    sparse = LossWithTeacher(SPARSE, num_old=2)
    value = LossWithTeacher(one_hot, num_old=2)(joined(np.eye(3)[LABELS]), Z)
    assert float(value) == pytest.approx(float(sparse(joined(), Z)), rel=1e-6)


def test_a_name_stands_for_a_loss_of_probabilities():
    p = np.exp(Z) / np.exp(Z).sum(-1, keepdims=True)
    loss = LossWithTeacher("sparse_categorical_crossentropy", num_old=2)
    expected = float(LossWithTeacher(SPARSE, num_old=2)(joined(), Z))
    assert not loss.from_logits
    assert float(loss(joined(), p)) == pytest.approx(expected, rel=1e-5)


def test_targets_of_one_output_are_compared_with_their_own_example():
    y = np.array([[1.0, 0.0], [3.0, 0.0]])
    loss = LossWithTeacher("mse", num_old=1)
    assert float(loss(y, np.array([[1.0], [3.0]]))) == 0.0


def test_sample_weights_reach_both_parts():
    loss = LossWithTeacher(SPARSE, num_old=2)
    weighted = float(loss(joined(), Z, sample_weight=np.array([0.0, 2.0])))
    alone = float(loss(joined()[1:], Z[1:]))
    assert weighted == pytest.approx(alone, rel=1e-6)


def test_large_labels_arrive_exactly():
    seen = []

    class Spy(keras.losses.Loss):
        def call(self, y_true, y_pred):
            seen.append(keras.ops.convert_to_numpy(y_true))
            return y_true

    labels = np.array([2**24 - 1, 2**24 - 3])
    LossWithTeacher(Spy(), num_old=2)(joined(labels), Z)
    assert seen[0].ravel().astype(int).tolist() == labels.tolist()


def test_a_distillation_of_keras_sees_the_old_logits():
    keras_loss = keras.distillation.LogitsDistillation(temperature=2.0)
    loss = LossWithTeacher(SPARSE, num_old=2, distillation=keras_loss)
    expected = float(SPARSE(LABELS, Z)) + float(
        keras_loss.compute_loss(TEACHER, Z[:, :2])
    )
    assert float(loss(joined(), Z)) == pytest.approx(expected, rel=1e-6)


def test_a_mapping_says_how_many_classes_are_old():
    loss = LossWithTeacher(
        SPARSE, distillation=DistillationCrossentropy([0, 1, 1], num_old=2)
    )
    merged = float(DistillationCrossentropy([0, 1, 1])(TEACHER, Z))
    expected = float(SPARSE(LABELS, Z)) + merged
    assert loss.num_old == 2
    assert float(loss(joined(), Z)) == pytest.approx(expected, rel=1e-6)


def test_candidate_sets_are_labels_of_one_column():
    table = [[1, 0, 0], [0, 1, 0], [0, 1, 1]]
    loss = LossWithTeacher(CandidateSetCrossentropy(table), num_old=2)
    expected = float(CandidateSetCrossentropy(table)(LABELS, Z)) + float(
        DistillationCrossentropy()(TEACHER, Z)
    )
    assert float(loss(joined(), Z)) == pytest.approx(expected, rel=1e-6)


def test_pixels_are_distilled_as_examples_are():
    loss = LossWithTeacher(SPARSE, num_old=2)
    y = np.stack([joined(), joined()])
    z = np.stack([Z, Z])
    expected = float(loss(joined(), Z))
    assert float(loss(y, z)) == pytest.approx(expected, rel=1e-6)


def test_labels_without_a_teacher_are_refused():
    loss = LossWithTeacher(SPARSE, num_old=2)
    with pytest.raises(ValueError, match="with_teacher"):
        loss(LABELS, Z)
    with pytest.raises(ValueError, match="with_teacher"):
        loss(LABELS.reshape(2, 1), Z)


def test_one_hot_labels_are_not_taken_for_a_teacher():
    loss = LossWithTeacher("categorical_crossentropy", num_old=2)
    with pytest.raises(ValueError, match="with_teacher"):
        loss(np.eye(3, dtype="float32")[LABELS], Z)


def test_a_teacher_wider_than_the_student_is_refused():
    loss = LossWithTeacher(SPARSE, num_old=4)
    with pytest.raises(ValueError, match="Expand the head"):
        loss(np.zeros((2, 5), "float32"), Z)


@pytest.mark.parametrize("num_old", [None, 0, True, 2.0])
def test_the_number_of_old_classes_must_be_known(num_old):
    with pytest.raises(ValueError, match="num_old"):
        LossWithTeacher(SPARSE, num_old=num_old)


def test_a_negative_weight_is_refused():
    with pytest.raises(ValueError, match="weight=-1"):
        LossWithTeacher(SPARSE, num_old=2, weight=-1)


def test_something_that_is_no_loss_is_refused():
    with pytest.raises(ValueError):
        LossWithTeacher(None, num_old=2)


def test_the_configuration_keeps_loss_and_distillation():
    loss = LossWithTeacher(
        "sparse_categorical_crossentropy",
        weight=2.0,
        distillation=DistillationCrossentropy([0, 1, 1], temperature=3.0),
    )
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(loss)
    )
    p = np.full((2, 3), 1 / 3, "float32")
    assert copy.distillation.mapping == [0, 1, 1]
    assert float(copy(joined(), p)) == float(loss(joined(), p))


def _private(y_true, y_pred):
    return ops.zeros_like(y_pred[..., 0])


@pytest.mark.parametrize(
    "function",
    [_private, lambda y_true, y_pred: _private(y_true, y_pred)],
    ids=["underscore", "lambda"],
)
def test_a_function_of_any_name_is_a_loss(function):
    # TensorFlow refuses such names, and the scopes after them.
    loss = LossWithTeacher(function, num_old=2, weight=0.0)
    assert float(loss(np.zeros((4, 3)), np.zeros((4, 2), "float32"))) == 0
