import numpy as np
import pytest

from keras_incremental.data.multi_hot import are_names
from keras_incremental.data.multi_hot import columns_of_names
from keras_incremental.data.multi_hot import implied
from keras_incremental.data.multi_hot import to_multi_hot
from keras_incremental.data.multi_hot import widened

KNOWN = ["car", "truck", "police car"]


def test_columns_of_other_classes_are_unknown():
    labels = to_multi_hot([[1, 0], [0, 1]], ["police car", "car"], KNOWN)
    assert labels.tolist() == [[0, -1, 1], [1, -1, 0]]


def test_nan_and_255_and_minus_one_are_unknown():
    labels = to_multi_hot([[np.nan, 255, -1]], KNOWN, KNOWN)
    assert labels.tolist() == [[-1, -1, -1]]


def test_one_column_may_be_flat():
    assert to_multi_hot([1, 0], ["car"], ["car"]).tolist() == [[1], [0]]


def test_a_two_and_a_wrong_width_are_refused():
    with pytest.raises(ValueError, match=r"1 for yes.*\[2.0\]"):
        to_multi_hot([[2, 0, 1]], KNOWN, KNOWN)
    with pytest.raises(ValueError, match="one column for each of"):
        to_multi_hot([[1, 0]], KNOWN, KNOWN)


def test_names_are_yes_and_the_rest_is_unknown():
    labels = columns_of_names([["car"], ["truck", "car"], None], KNOWN[:2])
    assert labels.tolist() == [[1, -1], [1, 1], [-1, -1]]


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="bus"):
        columns_of_names([["bus"]], KNOWN)


def test_lists_of_names_are_told_from_numbers():
    assert are_names([["car"], []])
    assert are_names(["car", None])
    assert are_names(np.array(["car"]))
    assert not are_names([[1, 0]])
    assert not are_names(np.zeros((2, 2)))
    assert not are_names(None)


def test_a_child_shows_its_parent_and_no_parent_shows_no_child():
    labels = np.array([[-1, 0, 1], [0, 0, -1], [1, 0, -1]], "float32")
    found = implied(labels, [-1, -1, 0])
    assert found.tolist() == [[1, 0, 1], [0, 0, 0], [1, 0, -1]]


def test_a_grandchild_shows_both():
    found = implied(np.array([[-1, -1, 1], [0, -1, -1]]), [-1, 0, 1])
    assert found.tolist() == [[1, 1, 1], [0, 0, 0]]


def test_a_child_without_its_parent_is_refused():
    with pytest.raises(ValueError, match="row 1"):
        implied(np.array([[1, 1], [0, 1]]), [-1, 0])


def test_newer_classes_were_not_looked_for():
    assert widened(np.ones((1, 2)), 3).tolist() == [[1, 1, -1]]
