import numpy as np
import pytest
from store_data import first

from keras_incremental.memory import ExemplarStore
from keras_incremental.memory.distinct import is_repeated
from keras_incremental.utils import records

X = np.array([[0, 1], [1, 0], [0, 1], [2, 2], [1, 0]], "float32")


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float16", "float64"])
def test_values_count_and_not_how_they_are_stored(dtype):
    found = is_repeated(X[3:4].astype(dtype), X)
    assert found.tolist() == [False, False, True, True, True]


def test_strings_are_compared_whatever_their_room():
    stored = np.array([["bird", "cat"]])
    new = np.array([["bird", "cat"], ["a longer word", "cat"]])
    assert is_repeated(stored, new).tolist() == [True, False]


def test_records_are_compared_by_all_of_their_parts():
    one = records.of_fields("ab", [np.array([1.0, 1.0]), np.array(["x", "y"])])
    assert is_repeated(one[:1], one).tolist() == [True, False]


def test_an_empty_memory_has_nothing():
    assert is_repeated(X[:0], X[:2]).tolist() == [False, False]
    assert is_repeated(X, X[:0]).tolist() == []


def test_a_memory_keeps_each_sample_of_a_class_once():
    store = ExemplarStore(8)
    for _ in range(2):
        store.insert(X, np.array([0, 0, 0, 1, 1]), first)
    assert store.counts == {0: 2, 1: 2}
    x, y = store.arrays()
    assert x.tolist() == [[0, 1], [1, 0], [2, 2], [1, 0]]
