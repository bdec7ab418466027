import numpy as np
import pytest

from keras_incremental.data.held_out import split_held_out


def held_counts(sizes, share, seed=0):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    train, held = split_held_out(labels, share, seed)
    assert sorted([*train, *held]) == list(range(len(labels)))
    return np.bincount(labels[held], minlength=len(sizes)).tolist()


@pytest.mark.parametrize(
    "sizes, share, expected",
    [
        ([20, 20, 500], 0.1, [2, 2, 2]),
        ([20, 21, 500], 0.11, [3, 3, 3]),
        ([100, 300], 0.07, [7, 7]),
        ([2, 500], 0.1, [1, 1]),
        ([2, 500], 0.9, [1, 1]),
        ([10, 10], 0.99, [9, 9]),
        ([1, 30, 30], 0.1, [0, 3, 3]),
        ([1, 1], 0.5, [0, 0]),
    ],
)
def test_as_many_of_each_class_are_held_out(sizes, share, expected):
    assert held_counts(sizes, share) == expected


def test_held_out_rows_depend_on_the_seed():
    labels = np.repeat([0, 1], 50)
    one = split_held_out(labels, 0.2, 1)[1].tolist()
    assert one == split_held_out(labels, 0.2, 1)[1].tolist()
    assert one != split_held_out(labels, 0.2, 2)[1].tolist()


def test_held_out_rows_of_a_class_do_not_depend_on_other_classes():
    labels = np.repeat([4, 7], 50)
    alone = split_held_out(labels[50:], 0.2)[1]
    both = split_held_out(labels, 0.2)[1]
    assert both[both >= 50].tolist() == (alone + 50).tolist()


def test_held_out_rows_are_not_the_first():
    held = split_held_out(np.zeros(100, int), 0.1)[1]
    assert held.tolist() != list(range(10))


def test_no_rows_give_no_rows():
    train, held = split_held_out(np.zeros(0, int))
    assert len(train) == len(held) == 0


@pytest.mark.parametrize("share", [0, 1, -0.1, "half", float("nan")])
def test_a_useless_share_to_hold_out_is_refused(share):
    with pytest.raises(ValueError, match="Received: share="):
        split_held_out([0, 0, 1, 1], share)
