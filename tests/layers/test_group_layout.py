import pytest

from keras_incremental.layers import group_layout


def test_slices_follow_each_other():
    expected = (slice(0, 3), slice(3, 4), slice(4, 6))
    assert group_layout.slices((3, 1, 2)) == expected


def test_a_block_starts_at_its_first_group_and_counts_its_classes():
    layout = group_layout.block_layout((3, 1, 2, 5), (2, 1, 1))
    assert layout == [(0, 4), (2, 2), (3, 5)]


def test_a_block_is_frozen_when_all_its_groups_are():
    assert group_layout.frozen_blocks((2, 1, 1), 2) == [True, False, False]
    assert group_layout.frozen_blocks((2, 1, 1), 1) == [False] * 3


def test_the_oldest_pair_does_not_mix_frozen_and_trainable():
    assert group_layout.oldest_pair((1, 1, 1), 0) == 0
    assert group_layout.oldest_pair((1, 1, 1), 1) == 1
    assert group_layout.oldest_pair((1, 1, 1), 2) == 0


def test_joining_keeps_the_number_of_groups():
    assert group_layout.join((3, 1, 2, 1), 1) == (3, 3, 1)


def test_sizes_are_an_int_or_a_list_of_ints():
    assert group_layout.checked_sizes(3, "Head") == (3,)
    assert group_layout.checked_sizes([3, 1], "Head") == (3, 1)


def test_blocks_are_one_each_until_there_are_too_many():
    assert group_layout.checked_blocks(None, (1, 1), 3, "Head") == (1, 1)
    assert group_layout.checked_blocks(None, (1,) * 5, 3, "Head") == (3, 1, 1)


@pytest.mark.parametrize("units", [0, -1, []])
def test_no_classes_are_refused(units):
    with pytest.raises(ValueError, match="`units` of Head must be 1 or more"):
        group_layout.checked_sizes(units, "Head")


@pytest.mark.parametrize("units", [2.0, "2", None, True])
def test_units_that_are_no_int_are_refused(units):
    with pytest.raises(TypeError, match="`units` of Head must be an int"):
        group_layout.checked_sizes(units, "Head")


@pytest.mark.parametrize("max_groups", [2, 4.0])
def test_fewer_than_three_groups_are_refused(max_groups):
    with pytest.raises(ValueError, match=f"max_groups={max_groups}"):
        group_layout.check_max_groups(max_groups, "Head")


@pytest.mark.parametrize("blocks", [(1,), (3,), (0, 2)])
def test_blocks_that_do_not_add_up_are_refused(blocks):
    with pytest.raises(ValueError, match="for 2 groups"):
        group_layout.checked_blocks(blocks, (1, 1), 3, "Head")


@pytest.mark.parametrize("frozen", [-1, 4, True, 1.0])
def test_frozen_groups_must_be_groups(frozen):
    with pytest.raises(ValueError, match="from 0 to 3, the number of groups"):
        group_layout.checked_frozen(frozen, (2, 1), "Head")


def test_half_a_block_cannot_be_frozen():
    with pytest.raises(ValueError, match=r"Freeze one of \[0, 2, 3\] groups"):
        group_layout.checked_frozen(1, (2, 1), "Head")
