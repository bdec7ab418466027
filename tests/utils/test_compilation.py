import keras
import numpy as np

from keras_incremental.utils.compilation import Compilation
from keras_incremental.utils.compilation import recompile


def functional():
    inputs = keras.Input((3,))
    return keras.Model(inputs, keras.layers.Dense(2)(inputs))


def test_recompiling_keeps_the_choice_and_renews_the_optimizer():
    model = functional()
    model.compile(keras.optimizers.SGD(0.25), "mse", metrics=["mae"])
    model.fit(np.ones((2, 3)), np.ones((2, 2)), verbose=0)
    compilation, optimizer = Compilation(model), model.optimizer
    for _ in range(2):
        compilation.apply(model)
        assert model.optimizer is not optimizer
        assert float(model.optimizer.learning_rate) == 0.25
        assert model.loss == "mse"
        assert model.train_function is None


def test_recompiling_lets_a_frozen_weight_rest():
    model = functional()
    model.compile("sgd", "mse")
    model.fit(np.ones((2, 3)), np.ones((2, 2)), verbose=0)
    model.layers[-1].kernel.trainable = False
    recompile(model)
    before = model.get_weights()
    model.fit(np.ones((2, 3)), np.ones((2, 2)), verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(after[0], before[0])
    assert np.all(after[1] != before[1])


def test_a_model_that_was_never_compiled_stays_so():
    model = functional()
    recompile(model)
    assert not model.compiled
