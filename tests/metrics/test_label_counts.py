import numpy as np
import pytest

from keras_incremental.metrics import count_labels

LABELS = np.array([[1, 0], [1, 1], [0, -1], [-1, 0]])
SAID = np.array([[1, 1], [0, 1], [1, 1], [1, 0]], bool)


def test_counts_only_what_is_known():
    counts = count_labels(LABELS, SAID)
    assert counts.confusion.tolist() == [[[0, 1], [1, 1]], [[1, 1], [0, 1]]]
    assert counts.correct.tolist() == [1, 1]
    assert counts.total.tolist() == [2, 1]


def test_f1_is_that_of_precision_and_recall():
    # Class 0: precision 1/2, recall 1/2. Class 1: precision 1/2, recall 1.
    counts = count_labels(LABELS, SAID)
    np.testing.assert_allclose(counts.f1(), [1 / 2, 2 / 3])
    assert counts.mean_f1() == pytest.approx(7 / 12)
    assert counts.mean_f1([1]) == pytest.approx(2 / 3)


def test_f1_of_a_class_that_nothing_has_is_nan():
    counts = count_labels([[0, 1]], [[False, True]])
    assert np.isnan(counts.f1()[0])
    assert counts.mean_f1() == 1


def test_a_rare_class_that_is_never_said_scores_zero():
    labels = np.eye(100)[:, :1]
    assert count_labels(labels, np.zeros((100, 1), bool)).mean_f1() == 0


def test_classes_that_nobody_said_are_no():
    counts = count_labels([[1, 1]], [[True]])
    assert counts.confusion[1].tolist() == [[0, 0], [1, 0]]


def test_counts_of_parts_add_up():
    both = count_labels(LABELS[:2], SAID[:2]) + count_labels(
        LABELS[2:], SAID[2:]
    )
    assert (both.confusion == count_labels(LABELS, SAID).confusion).all()
