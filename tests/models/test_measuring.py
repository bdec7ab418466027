import numpy as np

from keras_incremental.models.problems import SINGLE_LABEL

NAMES = ("cat", "dog", "bird")


def measured(labels, was, now):
    parts = map(np.array, (labels, was, now))
    return SINGLE_LABEL.scorer.measure(*parts, NAMES, 2)


def test_what_flipped_is_found_again():
    found = measured([0, 1, 1, 2], was=[0, 1, 0, 0], now=[2, 1, 1, 2])
    assert found["flips"].tolist() == [0]
    assert found["flipped_from"].tolist() == [0]
    assert found["flipped_to"].tolist() == [2]
    assert found["confusion_before"].tolist() == [[1, 0], [1, 1], [1, 0]]
    assert (found["drop"].lost, found["drop"].gained) == (1, 1)


def test_pictures_without_a_label_do_not_shift_the_others():
    found = measured([-1, 0, -1, 1], was=[0, 0, 1, 1], now=[2, 0, 2, 0])
    assert found["flips"].tolist() == [3]
    assert found["flipped_from"].tolist() == [1]
    assert found["confusion_after"].sum() == 2
