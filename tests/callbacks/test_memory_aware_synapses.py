import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental.callbacks import MemoryAwareSynapses
from keras_incremental.regularizers import output_sensitivity

X = np.random.RandomState(0).normal(size=(8, 3)).astype("float32")
Y = np.arange(8) % 2


def small_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss)
    return model


def fit(model, callback, data=X):
    callback.data = data
    model.fit(X, Y, verbose=0, callbacks=[callback])


def test_penalties_zero_at_anchor():
    model = small_model()
    fit(model, MemoryAwareSynapses(strength=0.5))
    expected = output_sensitivity(model, X)
    for v in model.trainable_variables:
        penalty = v.regularizer
        np.testing.assert_allclose(penalty.importance, expected[v.path], 1e-5)
        assert (
            penalty.importance.max() > 0
            and ops.convert_to_numpy(penalty(v)) == 0.0
        )
        assert not np.any(ops.convert_to_numpy(penalty.gradient(v)))


def test_the_penalty_is_that_of_the_paper():
    model = small_model()
    fit(model, MemoryAwareSynapses(strength=0.5))
    v = model.trainable_variables[0]
    moved = ops.convert_to_numpy(v) + 0.5
    # 0.5 * sum(importance * 0.5**2), not half of it.
    expected = 0.5 * 0.25 * v.regularizer.importance.sum()
    assert ops.convert_to_numpy(v.regularizer(moved)) == pytest.approx(
        expected, rel=1e-4
    )


def test_phases_add_up_around_the_latest_weights():
    model, callback = small_model(), MemoryAwareSynapses(strength=0.01)
    fit(model, callback)
    v = model.trainable_variables[0]
    first = v.regularizer.importance
    fit(model, callback, 2 * X)
    second = output_sensitivity(model, 2 * X)[v.path]
    np.testing.assert_allclose(v.regularizer.importance, first + second, 1e-4)
    np.testing.assert_array_equal(
        v.regularizer.reference, ops.convert_to_numpy(v)
    )


def test_a_fit_without_data_is_refused():
    with pytest.raises(ValueError, match="MemoryAwareSynapses needs the data"):
        fit(small_model(), MemoryAwareSynapses(), None)


@pytest.mark.parametrize("arguments", [{"strength": -1}, {"decay": 1.5}])
def test_refusals_come_at_construction(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"`{name}`"):
        MemoryAwareSynapses(**arguments)
