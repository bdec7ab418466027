import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental.regularizers.quadratic_penalty import QuadraticPenalty
from keras_incremental.regularizers.quadratic_penalty import join_penalties

IMPORTANCE = np.array([1.0, 0.0, 4.0])
REFERENCE = np.array([0.5, -1.0, 2.0])


def _penalty(**kwargs):
    return QuadraticPenalty(IMPORTANCE, REFERENCE, **kwargs)


def _value(penalty, weight):
    return float(penalty(ops.convert_to_tensor(weight, "float32")))


def test_penalty_is_zero_at_the_reference():
    assert _value(_penalty(strength=3.0), REFERENCE) == 0.0


def test_penalty_equals_the_formula():
    moved = REFERENCE + [1.0, 5.0, -0.5]
    # 3 / 2 * (1 * 1 + 0 * 25 + 4 * 0.25)
    assert _value(_penalty(strength=3.0), moved) == 3.0


def test_penalty_has_no_slope_at_the_reference():
    # A quadratic: the central difference is its gradient.
    step = np.array([0.25, 0.25, 0.25])
    up = _value(_penalty(), REFERENCE + step)
    assert up == _value(_penalty(), REFERENCE - step) > 0


def test_strength_can_be_changed():
    penalty = _penalty(strength=1.0)
    before = _value(penalty, REFERENCE + 1)
    penalty.strength = 4.0
    assert _value(penalty, REFERENCE + 1) == 4 * before


def test_an_earlier_regularizer_is_added():
    penalty = _penalty(also=keras.regularizers.L2(0.5))
    wanted = 0.5 * np.sum(REFERENCE**2)
    np.testing.assert_allclose(_value(penalty, REFERENCE), wanted)


def test_config_round_trip_keeps_the_value():
    penalty = _penalty(strength=2.0, also=keras.regularizers.L1(0.1))
    config = keras.regularizers.serialize(penalty)
    again = keras.regularizers.deserialize(config)
    moved = REFERENCE + 0.3
    assert _value(again, moved) == _value(penalty, moved)


def test_half_precision_weights_are_measured_in_float32():
    weight = ops.convert_to_tensor(REFERENCE + 1, "float16")
    assert keras.backend.standardize_dtype(_penalty()(weight).dtype) == (
        "float32"
    )


def test_a_weight_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"Received: a weight of shape \(1,\)"):
        _value(_penalty(), [1.0])


@pytest.mark.parametrize(
    ("importance", "strength", "message"),
    [
        ([1.0], 1.0, "shape of the weight"),
        ([1.0, -1.0, 0.0], 1.0, "finite and not negative"),
        ([1.0, np.nan, 0.0], 1.0, "finite and not negative"),
        ([1.0, 1.0, 0.0], -1.0, "finite number of 0 or more"),
        ([1.0, 1.0, 0.0], np.inf, "finite number of 0 or more"),
    ],
)
def test_refusals_name_the_argument(importance, strength, message):
    with pytest.raises(ValueError, match=message):
        QuadraticPenalty(importance, REFERENCE, strength)


def test_the_minimum_of_a_quadratic_task_is_the_weighted_mean():
    # Task 3 / 2 (w - 1)**2, penalty 2 / 2 * 4 (w - 6)**2: (3 + 48) / 11.
    inputs = keras.Input((1,))
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = keras.Model(inputs, dense(inputs))
    dense.kernel.regularizer = QuadraticPenalty([[4.0]], [[6.0]], 2.0)
    model.compile(keras.optimizers.SGD(0.09), "mse")
    # Mean of (s w - s)**2 with s**2 = 3 / 2.
    x = np.full((1, 1), np.sqrt(1.5))
    model.fit(x, x, epochs=5, verbose=0)
    found = float(ops.convert_to_numpy(dense.kernel)[0, 0])
    np.testing.assert_allclose(found, 51 / 11, rtol=1e-5)


def test_joined_penalties_equal_their_sum():
    first = _penalty(strength=2.0, also=keras.regularizers.L2(0.0))
    second = QuadraticPenalty([2.0], [1.0], strength=6.0)
    joined = join_penalties(
        [first, None, second], [REFERENCE, np.zeros(2), np.ones(1)]
    )
    moved = np.concatenate([REFERENCE + 1, [7.0, 8.0], [3.0]])
    wanted = _value(first, moved[:3]) + _value(second, moved[5:])
    np.testing.assert_allclose(_value(joined, moved), wanted, rtol=1e-6)


def test_weights_without_penalty_join_to_their_regularizer():
    kept = keras.regularizers.L2(0.1)
    assert join_penalties([kept, kept], [REFERENCE, REFERENCE]) is kept
