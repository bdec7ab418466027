import numpy as np
from keras import ops

from keras_incremental.testing.gradients import gradient
from keras_incremental.utils import vectors

ROWS = np.array([[3.0, 4.0], [0.0, 0.0], [1e-3, 0.0]], "float32")


def array(tensor):
    return ops.convert_to_numpy(tensor)


def test_unit_vectors_have_length_one_and_zeros_stay():
    found = array(vectors.unit(ops.convert_to_tensor(ROWS)))
    np.testing.assert_allclose(found, [[0.6, 0.8], [0, 0], [1, 0]], rtol=1e-6)


def test_a_vector_of_zeros_has_a_gradient_of_one():
    slope = gradient(lambda x: ops.sum(vectors.unit(x)), 0 * ROWS)
    np.testing.assert_allclose(slope, 1.0)


def test_distance_is_that_of_the_last_axis():
    pair = (ops.convert_to_tensor(ROWS), ops.convert_to_tensor(ROWS[::-1] * 2))
    expected = np.linalg.norm(ROWS - 2 * ROWS[::-1], axis=-1)
    found = array(vectors.distance(*pair))
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_equal_vectors_have_no_distance_and_no_gradient():
    def distance(x):
        return ops.sum(vectors.distance(x, ops.convert_to_tensor(ROWS)))

    assert not array(distance(ops.convert_to_tensor(ROWS))).any()
    assert not gradient(distance, ROWS).any()


def test_the_absolute_value_of_zero_has_no_gradient():
    zeros = np.zeros(3, "float32")
    assert not array(vectors.absolute(ops.convert_to_tensor(zeros))).any()
    assert not gradient(lambda x: ops.sum(vectors.absolute(x)), zeros).any()


def test_absolute_values_lose_no_more_than_the_smoothing():
    x = np.array([-2.0, 0.5, 1e-2], "float32")
    found = array(vectors.absolute(ops.convert_to_tensor(x)))
    np.testing.assert_allclose(found, np.abs(x), atol=2e-6)
