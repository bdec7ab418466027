import numpy as np
import pytest
from keras import ops

from keras_incremental.contrib import GlobalDistillation
from keras_incremental.contrib.confidence_loss import confidence_loss
from keras_incremental.contrib.global_targets import global_targets
from keras_incremental.contrib.global_targets import likely_origin
from keras_incremental.testing.gradients import gradient

OLD = np.array([[0.7, 0.2, 0.1]] * 3, "float32")
NEW = np.array([[0.4, 0.6]] * 3, "float32")
ORIGINS = np.array([0, 1, 2])


def targets(old=OLD, new=NEW):
    tensors = (ops.convert_to_tensor(x) for x in (old, new, ORIGINS))
    return ops.convert_to_numpy(global_targets(*tensors))


def softmax(z, temperature=1.0):
    e = np.exp(np.float64(z) / temperature)
    return e / e.sum(-1, keepdims=True)


def test_targets_sum_to_one_in_all_three_cases():
    np.testing.assert_allclose(targets().sum(-1), 1.0, rtol=1e-6)


def test_targets_keep_the_first_guess_and_share_the_rest():
    n, m, r = 3, 2, 5
    expected = [
        [0.7, *(p * (n - 1) / (r - 1) for p in (0.2, 0.1))]
        + [c * (1 - 0.7) * m / (r - 1) for c in (0.4, 0.6)],
        [p * (1 - 0.6) * n / (r - 1) for p in (0.7, 0.2, 0.1)]
        + [0.4 * (m - 1) / (r - 1), 0.6],
        [p * n / r for p in (0.7, 0.2, 0.1)] + [c * m / r for c in (0.4, 0.6)],
    ]
    np.testing.assert_allclose(targets(), expected, rtol=1e-5)


def test_teachers_that_know_nothing_give_equal_targets():
    found = targets(np.full((3, 3), 1 / 3), np.full((3, 2), 1 / 2))
    np.testing.assert_allclose(found[2], 0.2, rtol=1e-6)


def test_single_classes_keep_all_of_their_probability():
    found = targets(np.ones((3, 1)), np.ones((3, 1)))
    np.testing.assert_allclose(found, [[1, 0], [0, 1], [0.5, 0.5]])


def test_the_surer_teacher_says_where_a_picture_is_from():
    old = np.array([[0.9, 0.1], [0.6, 0.4], [0.55, 0.45]], "float32")
    new = np.array([[0.8, 0.2], [0.3, 0.7], [0.5, 0.5]], "float32")
    tensors = (ops.convert_to_tensor(x) for x in (old, new))
    found = ops.convert_to_numpy(likely_origin(*tensors, threshold=0.58))
    assert found.tolist() == [0, 1, 2]


def test_confidence_loss_is_zero_for_constant_logits():
    logits = np.array([[3.0, 3, 3], [0, 0, 0]], "float32")
    found = ops.convert_to_numpy(confidence_loss(ops.convert_to_tensor(logits)))
    np.testing.assert_allclose(found, 0.0, atol=1e-6)


def test_confidence_loss_is_the_divergence_from_equal_probabilities():
    logits = np.array([[2.0, 0, -1]], "float32")
    p = softmax(logits)
    expected = (np.log(1 / 3) - np.log(p)).mean()
    found = confidence_loss(ops.convert_to_tensor(logits))
    assert ops.convert_to_numpy(found)[0] == pytest.approx(expected, rel=1e-5)


TEACHER = {
    "logits": np.array([[2.0, 0], [1, 1], [0, 3]], "float32"),
    "expert": np.array([[1.0], [0.0], [2.0]], "float32"),
}
STUDENT = np.array([[0.5, 1, 0], [2, 0, 1], [1, 1, 1]], "float32")


def loss(student, labels, **kwargs):
    term = GlobalDistillation(**kwargs)
    return term.compute_loss(TEACHER, {"logits": student}, np.array(labels))


def value(labels, **kwargs):
    return float(ops.convert_to_numpy(loss(STUDENT, labels, **kwargs)))


def test_labeled_samples_are_distilled_from_both_teachers():
    q, p = softmax(TEACHER["logits"], 2.0), softmax(STUDENT[:, :2], 2.0)
    # The one new class is always certain.
    expected = 4.0 * (2 / 3) * -(q * np.log(p)).sum(-1).mean()
    assert value([0, 1, 2]) == pytest.approx(expected, rel=1e-5)


def test_samples_without_a_label_also_follow_the_common_targets():
    # The expert of one class is always the surest.
    old = softmax(TEACHER["logits"])[1]
    target = np.array([*(old * (1 - 1) * 2 / 2), 1.0])
    expected = -(target * np.log(softmax(STUDENT)[1])).sum()
    added = value([0, -1, 2]) - value([0, 1, 2])
    assert added == pytest.approx(expected, rel=1e-5)


def test_old_and_new_are_compared_on_samples_without_a_label_only():
    labeled = gradient(lambda z: loss(z, [0, 1, 2]), STUDENT)
    assert not labeled[:, 2].any()
    mixed = gradient(lambda z: loss(z, [0, -1, 2]), STUDENT)
    assert mixed[:, 2].astype(bool).tolist() == [False, True, False]


def test_labels_are_needed():
    with pytest.raises(ValueError, match="labels=None"):
        GlobalDistillation().compute_loss(TEACHER, {"logits": STUDENT})


@pytest.mark.parametrize(
    "kwargs", [{"temperature": 0.0}, {"threshold": 1.5}, {"threshold": -0.1}]
)
def test_impossible_numbers_are_refused(kwargs):
    with pytest.raises(ValueError, match=next(iter(kwargs))):
        GlobalDistillation(**kwargs)
