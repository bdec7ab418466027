"""Variables that share a path have importance, and a penalty, of their own."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from keras_incremental import callbacks
from keras_incremental.losses import EWCLoss
from keras_incremental.optimizers import LearningRateMultiplier
from keras_incremental.optimizers import PathIntegral
from keras_incremental.regularizers import consolidate
from keras_incremental.regularizers import fisher_importance
from keras_incremental.utils.variable_keys import trainable_keys
from keras_incremental.utils.variable_keys import variable_keys

X = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")


def two_of_a_name():
    """A model with two nested models, whose layers have one name."""
    keras.utils.set_random_seed(0)

    def inner():
        return keras.Sequential(
            [keras.Input((3,)), layers.Dense(3, name="same")], name="inner"
        )

    inputs = keras.Input((3,))
    first = inner()
    second = inner()
    # Functional models want layers of different names.
    second.name = "other"
    model = keras.Model(inputs, layers.Dense(2)(second(first(inputs))))
    paths = [v.path for v in model.trainable_variables]
    assert paths.count("inner/same/kernel") == 2
    return model


@pytest.mark.parametrize(
    "callback",
    [callbacks.SynapticIntelligence(), callbacks.RiemannianWalk()],
    ids=lambda x: type(x).__name__,
)
@pytest.mark.parametrize("factors", [None, {"same": 0.5}])
def test_each_is_followed_on_its_path(callback, factors):
    model = two_of_a_name()
    optimizer = callback.wrap_optimizer(keras.optimizers.Adam(0.05))
    if factors is not None:
        optimizer = LearningRateMultiplier(optimizer, factors)
    model.compile(optimizer, "mse")
    for _ in range(2):
        model.fit(X, np.eye(12, 2), callbacks=[callback], verbose=0)
        penalties = {k: v.regularizer for k, v in trainable_keys(model)}
        assert len(penalties) == 6
        for key, variable in trainable_keys(model):
            penalty = penalties[key]
            np.testing.assert_array_equal(
                penalty.reference, *values_of([variable])
            )
            assert penalty.importance.max() > 0
        assert not np.allclose(
            penalties["inner/same/kernel"].importance,
            penalties["inner/same/kernel#2"].importance,
        )


def test_a_model_without_trainable_weights_has_no_path():
    callback = callbacks.SynapticIntelligence()
    model = two_of_a_name()
    model.trainable = False
    model.compile(callback.wrap_optimizer("sgd"), "mse")
    with pytest.raises(ValueError, match="SynapticInt.*model.*trainable"):
        model.fit(X, np.eye(12, 2), callbacks=[callback], verbose=0)


def test_slots_of_an_optimizer_have_a_key_for_each():
    model = two_of_a_name()
    optimizer = PathIntegral(keras.optimizers.SGD(0.1))
    model.compile(optimizer, "mse")
    model.fit(X, np.eye(12, 2), verbose=0)
    keys = [key for key, _ in trainable_keys(model)]
    assert list(optimizer.slot_values("work")) == keys


def values_of(variables):
    return [ops.convert_to_numpy(v) for v in variables]


def test_every_variable_has_a_key_of_its_own():
    model = two_of_a_name()
    keys = [key for key, _ in variable_keys(model)]
    assert len(set(keys)) == len(keys) == len(model.variables)
    assert keys[:4] == [
        "inner/same/kernel",
        "inner/same/bias",
        "inner/same/kernel#2",
        "inner/same/bias#2",
    ]


def test_keys_do_not_depend_on_what_is_frozen():
    model = two_of_a_name()
    before = {id(v): key for key, v in trainable_keys(model)}
    model.layers[1].trainable = False
    after = {id(v): key for key, v in trainable_keys(model)}
    assert len(after) == len(before) - 2
    assert after.items() <= before.items()


def test_each_is_measured_by_itself():
    importance = fisher_importance(two_of_a_name(), X)
    assert len(importance) == 6
    assert not np.allclose(
        importance["inner/same/kernel"], importance["inner/same/kernel#2"]
    )


def test_the_penalty_of_unchanged_weights_is_zero():
    model = two_of_a_name()
    loss = EWCLoss("mse", model, fisher_importance(model, X), strength=1e3)
    outputs = model(X)
    assert float(ops.convert_to_numpy(loss(outputs, outputs))) == 0


@pytest.mark.parametrize("index", [0, 2])
def test_each_is_pulled_to_where_it_was(index):
    model = two_of_a_name()
    importance = {
        key: np.full(v.shape, position + 1.0)
        for position, (key, v) in enumerate(trainable_keys(model))
    }
    loss = EWCLoss("mse", model, importance, strength=2.0)
    variable = model.trainable_variables[index]
    variable.assign(variable + 1.0)
    outputs = model(X)
    # strength / 2 * importance * 1, for nine weights.
    expected = (index + 1.0) * 9
    received = float(ops.convert_to_numpy(loss(outputs, outputs)))
    np.testing.assert_allclose(received, expected, rtol=1e-5)


def test_each_gets_a_regularizer_of_its_own():
    model = two_of_a_name()
    importance = fisher_importance(model, X)
    consolidate(model, importance, strength=1.0)
    for key, variable in trainable_keys(model):
        penalty = variable.regularizer
        np.testing.assert_array_equal(penalty.importance, importance[key])
        np.testing.assert_array_equal(penalty.reference, *values_of([variable]))
    assert float(ops.convert_to_numpy(sum(model.losses))) == 0
