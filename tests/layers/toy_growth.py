"""Small models that grow, and what growth must leave as it was."""

import keras
import numpy as np
import pytest
from keras import losses
from keras import ops

import keras_incremental as ki
from keras_incremental.layers import ExpandableDense

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
Y = np.arange(12)
SPARSE = losses.SparseCategoricalCrossentropy(from_logits=True)
ONE_HOT = losses.CategoricalCrossentropy(from_logits=True)


def compiled(loss=SPARSE, units=2, model=keras.Model, head=None, **options):
    inputs = keras.Input((4,))
    head = head or ExpandableDense(units, name="head")
    made = model(inputs, head(inputs))
    options = {"optimizer": "sgd", "run_eagerly": True, **options}
    made.compile(loss=loss, **options)
    return made


def labels(units, one_hot):
    return np.eye(units)[Y % units] if one_hot else Y % units


def fit(model, one_hot=False, **options):
    units = model.layers[-1].units
    options = {"batch_size": 6, "verbose": 0, **options}
    history = model.fit(X, labels(units, one_hot), **options)
    return history.history


def state_of(model):
    return (
        [ops.convert_to_numpy(v) for v in model.weights],
        model.optimizer,
        model.layers[-1].group_sizes,
        model.get_metrics_result(),
    )


def assert_refused(model, message):
    fit(model, one_hot="Categorical" in type(model.loss).__name__[:11])
    weights, optimizer, sizes, result = state_of(model)
    with pytest.raises(ValueError, match=message):
        ki.expand(model, 1)
    after = state_of(model)
    assert after[1] is optimizer and after[2] == sizes
    assert after[3].keys() == result.keys()
    for old, new in zip(weights, after[0], strict=True):
        np.testing.assert_array_equal(old, new)
