import numpy as np
import pytest

from keras_incremental.losses import tables


def as_ints(table):
    return table.astype(int).tolist()


def test_identity_leaves_new_classes_to_no_old_label():
    assert as_ints(tables.identity(2, 3)) == [[1, 0, 0], [0, 1, 0]]


def test_not_new_allows_all_but_the_new_classes():
    assert as_ints(tables.not_new(4, [3])) == [[1, 1, 1, 0]]


def test_split_lets_the_parent_be_any_child():
    expected = [[1, 0, 0, 0], [0, 1, 1, 1]]
    assert as_ints(tables.split(2, parent=1, num_children=2)) == expected


def test_composition_is_the_union_over_the_earlier_set():
    first = tables.split(2, parent=0)
    second = tables.split(3, parent=2)
    assert as_ints(tables.compose(first, second)) == [
        [1, 0, 1, 1],
        [0, 1, 0, 0],
    ]


def test_composition_with_the_identity_changes_nothing():
    table = tables.split(3, parent=1)
    same = tables.compose(table, tables.identity(4))
    assert (same == table).all()


def test_composition_of_unfitting_tables_is_refused():
    with pytest.raises(ValueError, match="labels of `second`"):
        tables.compose(np.eye(2), np.eye(3))


def test_a_candidate_beyond_the_classes_is_refused():
    with pytest.raises(ValueError, match="Received: 3"):
        tables.candidates([[3]], 3)


def test_a_parent_beyond_the_classes_is_refused():
    with pytest.raises(ValueError, match="parent=2"):
        tables.split(2, parent=2)


def test_a_table_of_other_numbers_is_refused():
    with pytest.raises(ValueError, match="boolean"):
        tables.checked([[2, 0]])
