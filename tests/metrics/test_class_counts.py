import numpy as np
import pytest

from keras_incremental.metrics.class_counts import ClassCounts
from keras_incremental.metrics.class_counts import count_by_class
from keras_incremental.metrics.drop import paired_drop


def test_counts_right_answers_by_class():
    counts = count_by_class([0, 0, 1, 2, 2], [0, 1, 1, 0, 2], 4)
    assert counts.correct.tolist() == [1, 1, 1, 0]
    assert counts.total.tolist() == [2, 1, 2, 0]


def test_accuracy_weighs_pictures_not_classes():
    counts = count_by_class([0, 0, 0, 1], [0, 0, 0, 0], 2)
    assert counts.accuracy() == 0.75
    assert counts.accuracy([1]) == 0.0


def test_accuracy_of_a_class_without_pictures_is_nan():
    assert np.isnan(count_by_class([0], [0], 2).accuracy([1]))


def test_all_scores_come_from_one_confusion_matrix():
    labels, predictions = [0, 0, 1, 2, 2], [0, 1, 1, 0, 2]
    counts = ClassCounts.from_confusion([[1, 1, 0], [0, 1, 0], [1, 0, 1]])
    by_class = count_by_class(labels, predictions, 3)
    for found in (counts, by_class):
        assert found.accuracy() == 3 / 5
        np.testing.assert_allclose(found.iou(), [1 / 3, 1 / 2, 1 / 2])
        np.testing.assert_allclose(found.f1(), [1 / 2, 2 / 3, 2 / 3])
    assert counts.false_positive.tolist() == [1, 1, 0]
    assert counts.false_negative.tolist() == [1, 0, 1]


def test_classes_that_could_not_be_predicted_are_left_out():
    # The model knew two classes; two samples of a third looked like 0.
    counts = ClassCounts.from_confusion([[3, 1], [0, 4], [2, 0]])
    assert counts.total.tolist() == [4, 4]
    assert counts.false_positive.tolist() == [2, 1]


def test_predictions_that_were_not_counted_have_no_f1():
    with pytest.raises(ValueError, match="predicted=None"):
        ClassCounts([1, 1], [2, 2]).f1()


def test_counts_without_a_square_confusion_are_not_merged():
    with pytest.raises(ValueError, match="`count_pixels`"):
        count_by_class([0], [0], 2).merged([0, 0])


def test_drop_counts_flips_in_both_directions():
    drop = paired_drop([1, 1, 1, 0], [0, 0, 1, 1])
    assert (drop.lost, drop.gained, drop.count) == (2, 1, 4)
    assert drop.value == 0.25
    assert drop.error == pytest.approx(np.sqrt((0.75 - 0.0625) / 4))


def test_no_flip_is_not_certainty():
    drop = paired_drop([1] * 30, [1] * 30)
    assert drop.value == 0
    assert 1.96 * drop.error == pytest.approx(0.1)


def test_drop_of_nothing_is_nan():
    assert np.isnan(paired_drop([], []).value)
