import keras
import numpy as np
import pytest

import keras_incremental as ki
from keras_incremental.layers import ExpandableDense

X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")


def model_with(*heads):
    model = keras.Sequential([keras.Input((4,)), *heads])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    return model


def test_expanded_model_fits_and_predicts_at_once():
    model = model_with(ExpandableDense(2))
    model.fit(X, np.arange(8) % 2, verbose=0)
    before = model.predict(X, verbose=0)
    ki.expand(model, 1)
    after = model.predict(X, verbose=0)
    np.testing.assert_array_equal(after[:, :2], before)
    model.fit(X, np.arange(8) % 3, verbose=0)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
    assert int(model.optimizer.iterations) == 1


def test_head_in_a_nested_model_is_found():
    model = keras.Sequential(
        [keras.Input((4,)), model_with(ExpandableDense(2))]
    )
    assert ki.expand(model, 2).units == 4


def test_refuses_a_model_without_expandable_head():
    with pytest.raises(ValueError, match="one ExpandableHead.*ExpandableDense"):
        ki.expand(model_with(keras.layers.Dense(2)), 1)


def test_refuses_to_guess_among_several_heads():
    model = model_with(ExpandableDense(2), ExpandableDense(2))
    with pytest.raises(ValueError, match="name it by `head`"):
        ki.expand(model, 1)


def test_refused_units_leave_the_model_as_it_was():
    model = model_with(ExpandableDense(2))
    with pytest.raises(ValueError, match="1 or more"):
        ki.expand(model, 0)
    assert model.predict(X, verbose=0).shape == (8, 2)
