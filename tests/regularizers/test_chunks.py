import itertools

import numpy as np
import pytest

from keras_incremental.regularizers.per_example.chunks import chunks


def _cut(data, num_samples=None, batch_size=2):
    generator = np.random.default_rng(0)
    return list(chunks(data, num_samples, batch_size, generator))


def test_chunks_have_one_size_and_say_how_many_are_examples():
    found = _cut(np.arange(5))
    assert [x.tolist() for x, _, _ in found] == [[0, 1], [2, 3], [4, 4]]
    assert [count for _, _, count in found] == [2, 2, 1]


def test_chunks_do_not_depend_on_the_batches_of_an_iterable():
    batches = [(np.arange(3), np.arange(3)), (np.arange(3, 5), np.arange(3, 5))]
    found = _cut(batches)
    assert [y.tolist() for _, y, _ in found] == [[0, 1], [2, 3], [4, 4]]


def test_chunks_of_an_endless_iterable_end():
    endless = itertools.repeat(np.zeros((4, 1)))
    assert [count for _, _, count in _cut(endless, 3)] == [2, 1]


def test_chunks_draw_from_arrays():
    (x, y, count), *_ = _cut((np.arange(100), np.arange(100)), 10, 10)
    assert count == 10 and np.array_equal(x, y) and np.max(x) > 50


def test_chunks_refuse_arrays_of_different_length():
    with pytest.raises(ValueError, match="same number of samples"):
        _cut((np.arange(3), np.arange(2)))


def test_chunks_refuse_what_is_no_data():
    with pytest.raises(TypeError, match="an array, a tuple"):
        _cut(3)
