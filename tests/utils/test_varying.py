"""Samples that differ in shape, in the form of an array."""

import numpy as np
import pytest

from keras_incremental.utils import records
from keras_incremental.utils import varying
from keras_incremental.utils.varying import VaryingSamples

SAMPLES = [np.full((n, 2), n, "uint8") for n in (3, 1, 3, 2)]


@pytest.fixture
def x():
    return VaryingSamples.of(SAMPLES)


def test_they_are_indexed_as_an_array_is(x):
    assert x.shape == (4, None, 2) and x.ndim == 3 and len(x) == 4
    assert x.size == 18 and x.nbytes == 18 and x.dtype == "uint8"
    assert x[1] is x.rows[1]
    for rows in (slice(1, 3), np.array([2, 0]), np.array([0, 1, 1, 0], bool)):
        found = x[rows]
        assert found.shape[1:] == (None, 2)
        expected = [len(s) for s in np.array(SAMPLES, object)[rows]]
        assert [len(s) for s in found] == expected
    assert x.take(np.array([3]))[0] is x.rows[3]
    assert len(x[:0]) == 0 and x[:0].shape == (0, None, 2)


def test_they_are_no_array(x):
    for act in (np.asarray, np.sum, lambda x: np.concatenate([x, x])):
        with pytest.raises(TypeError, match=r"no array.*\(None, 2\)"):
            act(x)


def test_a_function_sees_samples_of_one_shape(x):
    shapes = []

    def sums(part):
        shapes.append(part.shape)
        return {"sum": part.sum((1, 2)), "last": part[:, -1]}

    found = varying.by_shape(sums, x)
    assert shapes == [(2, 3, 2), (1, 1, 2), (1, 2, 2)]
    assert found["sum"].tolist() == [18, 2, 18, 8]
    assert found["last"].tolist() == [[3, 3], [1, 1], [3, 3], [2, 2]]
    assert varying.by_shape(lambda part: part.sum((1, 2)), x[:0]).shape == (0,)


def test_padding_adds_a_number_at_the_end(x):
    padded = x.padded(0)
    assert padded.shape == (4, 3, 2) and padded.dtype == "uint8"
    assert padded[1].tolist() == [[1, 1], [0, 0], [0, 0]]
    longer = x.padded(-1.0, (4, 2))
    assert longer.shape == (4, 4, 2) and longer.dtype == "float32"
    assert longer[0].tolist() == [[3, 3]] * 3 + [[-1, -1]]
    with pytest.raises(ValueError, match="must have one shape"):
        x.padded(None)
    with pytest.raises(ValueError, match="must have one shape"):
        records.readable(x)
    assert records.readable(x[np.array([0, 2])]).shape == (2, 3, 2)


def test_values_and_shapes_give_them_back(x):
    again = VaryingSamples.of_flat(x.flat(), x.shapes, x.sample_shape)
    assert all(map(np.array_equal, again, x))
    none = VaryingSamples.of_flat(x.flat()[:0], x.shapes[:0], (None, 2))
    assert len(none) == 0 and none.shapes.shape == (0, 2)


def test_arrays_that_differ_are_joined(x):
    two = np.ones((2, 5, 2), "float32")
    joined = records.joined([two, x, two[:, :4]])
    assert [len(s) for s in joined] == [5, 5, 3, 1, 3, 2, 4, 4]
    assert joined.shape == (8, None, 2) and joined.dtype == "float32"
    for others in (two[:, 0], two.astype(str)[:, :4]):
        with pytest.raises((ValueError, TypeError)):
            records.joined([two, others])


@pytest.mark.parametrize(
    "value, count",
    [
        ([[1, 2], [3]], 2),
        ([[[1], [2]], [[3]]], 2),
        ([[1, 2], [3, 4]], None),
        ([1, 2], None),
        (["a", "bc"], None),
        ([[1, 2], 3], None),
        ([[[1], [2, 3]], [[4]]], None),
        (np.array([[1, 2], None, "a"], object), None),
        (((1, 2), (3,)), None),
        ("text", None),
    ],
    ids=str,
)
def test_items_are_those_of_a_list_that_differ_in_shape(value, count):
    items = varying.items_of(value)
    assert count == (None if items is None else len(items))


def test_an_array_of_objects_has_items():
    objects = np.empty(2, object)
    objects[:] = [np.zeros(2), np.zeros(3)]
    assert len(varying.items_of(objects)) == 2
