import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental.layers import enable_lora


def network():
    keras.utils.set_random_seed(0)
    backbone = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(5, activation="relu"),
            keras.layers.BatchNormalization(),
        ]
    )
    backbone.trainable = False
    return keras.Sequential(
        [keras.Input((6,)), backbone, keras.layers.Dense(4)]
    )


X = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")


def test_only_low_rank_changes_train_at_any_depth():
    model = network()
    assert enable_lora(model, rank=2) == 2
    shapes = [tuple(v.shape) for v in model.trainable_variables]
    assert shapes == [(6, 2), (2, 5), (5, 2), (2, 4)]


def test_outputs_start_as_they_were():
    model = network()
    before = ops.convert_to_numpy(model(X))
    enable_lora(model)
    np.testing.assert_allclose(ops.convert_to_numpy(model(X)), before, 1e-6)


def test_training_moves_nothing_else():
    model = network()
    enable_lora(model, rank=1)
    still = [v for v in model.variables if not v.trainable]
    before = [ops.convert_to_numpy(v) for v in still]
    outputs = ops.convert_to_numpy(model(X))
    model.compile("sgd", "mse")
    model.fit(X, np.ones((8, 4), "float32"), epochs=2, verbose=0)
    for variable, value in zip(still, before, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(variable), value)
    assert np.abs(ops.convert_to_numpy(model(X)) - outputs).max() > 1e-4


def test_a_model_without_dense_layers_is_refused():
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()])
    with pytest.raises(ValueError, match="no Dense layer"):
        enable_lora(model)


@pytest.mark.parametrize("rank", [0, -1, 2.0, True])
def test_a_wrong_rank_is_refused(rank):
    with pytest.raises(ValueError, match="`rank` of enable_lora"):
        enable_lora(network(), rank)
