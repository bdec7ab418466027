import numpy as np
from keras import ops

from keras_incremental.testing.gradients import gradient


def test_the_gradient_of_a_sum_of_squares_is_twice_the_array():
    x = np.array([[1.0, -2.0]], "float32")
    result = gradient(lambda x: ops.sum(ops.square(x)), x)
    np.testing.assert_allclose(result, 2 * x)


def test_a_constant_has_a_gradient_of_zeros():
    x = np.ones(2, "float32")
    assert not gradient(lambda x: ops.sum(ops.stop_gradient(x)), x).any()
