import numpy as np
import pytest

from keras_incremental.metrics import count_pixels
from keras_incremental.metrics.class_counts import count_by_class

LABELS = np.array([[[0, 0, 1], [2, 2, 255]], [[-1, 1, 1], [0, 2, 2]]])
SAID = np.array([[[0, 1, 1], [2, 0, 2]], [[1, 1, 0], [0, 2, 2]]])


def test_counts_true_and_false_pixels_of_each_class():
    counts = count_pixels(LABELS, SAID, 4)
    assert counts.confusion.tolist() == [
        [2, 1, 0, 0],
        [1, 2, 0, 0],
        [1, 0, 3, 0],
        [0, 0, 0, 0],
    ]
    assert counts.correct.tolist() == [2, 2, 3, 0]
    assert counts.false_positive.tolist() == [2, 1, 0, 0]
    assert counts.false_negative.tolist() == [1, 1, 1, 0]


def test_iou_is_the_intersection_over_the_union():
    counts = count_pixels(LABELS, SAID, 3)
    np.testing.assert_allclose(counts.iou(), [2 / 5, 2 / 4, 3 / 4])
    assert counts.mean_iou() == pytest.approx(1.65 / 3)
    assert counts.mean_iou([1, 2]) == pytest.approx(0.625)


def test_miou_absent_class_nan():
    counts = count_pixels(LABELS, SAID, 4)
    assert np.isnan(counts.iou()[3])
    assert counts.mean_iou() == count_pixels(LABELS, SAID, 3).mean_iou()
    assert np.isnan(counts.mean_iou([3]))


def test_a_class_that_was_only_said_counts_as_zero():
    counts = count_pixels([0, 0], [0, 1], 2)
    assert counts.iou().tolist() == [0.5, 0.0]


def test_counts_of_parts_add_up_to_those_of_all():
    parts = [count_pixels(y, p, 3) for y, p in zip(LABELS, SAID, strict=True)]
    whole = count_pixels(LABELS, SAID, 3)
    np.testing.assert_array_equal(
        (parts[0] + parts[1]).confusion, whole.confusion
    )
    means = np.mean([part.mean_iou() for part in parts])
    assert abs(means - whole.mean_iou()) > 0.005


def test_old_and_new_classes_have_means_of_their_own():
    found = count_pixels(LABELS, SAID, 3).iou_by_age(num_old=2)
    assert found["old"] == pytest.approx(0.45)
    assert found["new"] == pytest.approx(0.75)
    assert found["all"] == pytest.approx(0.55)
    assert found["harmonic"] == pytest.approx(2 * 0.45 * 0.75 / 1.2)


def test_a_harmonic_mean_of_zeros_is_zero():
    found = count_pixels([0, 1], [1, 0], 2).iou_by_age(num_old=1)
    assert found["harmonic"] == 0.0


def test_without_new_classes_their_mean_is_nan():
    assert np.isnan(count_pixels(LABELS, SAID, 3).iou_by_age(3)["new"])


def test_a_split_is_undone_by_merging():
    old = np.array([0, 1, 1])
    known = np.where((LABELS < 0) | (LABELS == 255), LABELS, old[LABELS % 3])
    expected = count_pixels(known, old[SAID], 2)
    merged = count_pixels(LABELS, SAID, 3).merged(old)
    np.testing.assert_array_equal(merged.confusion, expected.confusion)


def test_a_mapping_of_other_classes_is_refused():
    counts = count_pixels([0], [0], 2)
    with pytest.raises(ValueError, match=r"each of the 2 classes.*\[0\]"):
        counts.merged([0])


def test_a_report_reads_them_as_counts_of_classes():
    counted = (LABELS >= 0) & (LABELS < 255)
    labels, said = LABELS[counted], SAID[counted]
    plain, pixels = (
        count_by_class(labels, said, 3),
        count_pixels(LABELS, SAID, 3),
    )
    assert pixels.correct.tolist() == plain.correct.tolist()
    assert pixels.total.tolist() == plain.total.tolist()
    assert pixels.accuracy([0, 1]) == plain.accuracy([0, 1]) == 4 / 6


def test_nothing_annotated_is_nan():
    assert np.isnan(count_pixels([255], [0], 2).mean_iou())


def test_predictions_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 2\).*\(4, 4\).*logits_at"):
        count_pixels(np.zeros((4, 4)), np.zeros((2, 2)), 2)


@pytest.mark.parametrize("wrong", [-1, 2])
def test_classes_outside_are_refused(wrong):
    with pytest.raises(ValueError, match=rf"`predictions`.*\[{wrong}\]"):
        count_pixels([0, 1], [0, wrong], 2)
    with pytest.raises(ValueError, match=rf"`labels`.*\[{wrong}\].*ignore"):
        count_pixels([0, wrong], [0, 0], 2, ignore_class=255)


def test_255_is_a_class_where_there_are_so_many():
    assert count_pixels([255, -1], [255, 0], 256).correct[255] == 1
    assert count_pixels([255, -1], [254, 0], 255).total.sum() == 0


def test_any_class_can_be_left_out():
    counts = count_pixels([0, 0, 1], [0, 1, 1], 2, ignore_class=0)
    assert counts.confusion.tolist() == [[0, 0], [0, 1]]
