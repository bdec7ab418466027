import numpy as np
import pytest

from keras_incremental.distillation import MergedDistillation

DRAW = np.random.default_rng(0)
TEACHER = DRAW.normal(size=(6, 3)).astype("float32")
TEACHER[np.arange(6), [0, 1, 2, 0, 1, 2]] += 5
STUDENT = DRAW.normal(size=(6, 5)).astype("float32")


def log_softmax(z):
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def value(term, labels=None, student=STUDENT, teacher=TEACHER):
    outputs = {"logits": teacher}, {"logits": student}
    return float(term.compute_loss(*outputs, labels))


def by_hand(student, parents, temperature):
    merged = np.array(student[:, :3], "float64")
    for index, parent in enumerate(parents, start=3):
        if parent >= 0:
            merged[:, parent] = np.logaddexp(
                merged[:, parent], student[:, index]
            )
    targets = np.exp(log_softmax(TEACHER / temperature))
    return -(targets * log_softmax(merged / temperature)).sum(1)


def test_children_are_added_to_what_they_were():
    expected = by_hand(STUDENT, [1, -1], 2.0).mean()
    assert value(MergedDistillation([1, -1])) == pytest.approx(
        expected, rel=1e-5
    )


def test_annotations_that_contradict_the_teacher_do_not_count():
    # The teacher takes them for 0, 1, 2, 0, 1, 2.
    labels = np.array([0, 3, 3, 3, 4, -1])
    agrees = np.array([True, True, False, False, False, True])
    expected = by_hand(STUDENT, [1, -1], 2.0)[agrees].mean()
    found = value(MergedDistillation([1, -1]), labels)
    assert found == pytest.approx(expected, rel=1e-5)


def test_dividing_the_mass_of_a_parent_changes_nothing():
    term, student = MergedDistillation([1]), np.full((6, 4), -50, "float32")
    student[:, :3] = TEACHER
    divided = np.array(student)
    divided[:, 3] = TEACHER[:, 1] + np.log(0.3)
    divided[:, 1] = TEACHER[:, 1] + np.log(0.7)
    expected = value(term, student=student)
    assert value(term, student=divided) == pytest.approx(expected, rel=1e-5)


def test_maps_of_another_size_are_resized():
    maps = DRAW.normal(size=(2, 4, 4, 3)).astype("float32")
    student = np.pad(maps, [(0, 0)] * 3 + [(0, 1)])
    labels = np.zeros((2, 8, 8), "int32")
    found = MergedDistillation([-1], temperature=1.0).compute_loss(
        {"logits": maps}, {"logits": student}, labels
    )
    logs = log_softmax(maps)
    least = -(np.exp(logs) * logs).sum(-1).mean()
    assert float(found) == pytest.approx(least, rel=0.2)


def test_a_temperature_of_zero_is_refused():
    with pytest.raises(ValueError, match="temperature=0"):
        MergedDistillation([-1], temperature=0)
