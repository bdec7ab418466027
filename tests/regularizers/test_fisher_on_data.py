import keras
import numpy as np
import pytest
from fisher_models import BIAS
from fisher_models import KERNEL
from fisher_models import Dense
from fisher_models import X
from fisher_models import Y
from fisher_models import assert_close
from fisher_models import linear
from fisher_models import two_layers
from keras import layers
from keras import ops

from keras_incremental.regularizers.fisher import fisher_importance


def test_num_samples_is_a_cap():
    found = fisher_importance(linear(), [X[:2], X[2:]], num_samples=3)
    wanted = fisher_importance(linear(), X[:3])
    assert_close(found, wanted.values())


def test_batches_of_pairs_equal_arrays():
    batches = [(X[:2], Y[:2]), (X[2:], Y[2:])]
    found = fisher_importance(linear(), batches, "empirical")
    wanted = fisher_importance(linear(), (X, Y), "empirical")
    assert_close(found, wanted.values())


def test_a_py_dataset_equals_arrays():
    class Pairs(keras.utils.PyDataset):
        num_batches = 5

        def __getitem__(self, index):
            return X[index : index + 1], Y[index : index + 1]

    found = fisher_importance(linear(), Pairs(workers=1), "empirical")
    wanted = fisher_importance(linear(), (X, Y), "empirical")
    assert_close(found, wanted.values())


def _with_statistics():
    inputs = keras.Input((4, 4, 1))
    x = layers.Conv2D(2, 2, kernel_initializer="ones")(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.Dropout(0.5)(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, Dense(3)(x))


def test_weights_statistics_and_seeds_stay_as_they_are():
    model = _with_statistics()
    before = [ops.convert_to_numpy(v).copy() for v in model.variables]
    x = np.random.default_rng(0).normal(size=(4, 4, 4, 1)).astype("float32")
    found = fisher_importance(model, x, "sampled", batch_size=3)
    after = [ops.convert_to_numpy(v) for v in model.variables]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    # Dropout would make a second run differ.
    again = fisher_importance(model, x, "sampled", batch_size=3)
    assert_close(found, again.values(), rtol=0)


def test_the_model_trains_on_as_if_nothing_happened():
    results = []
    for measured in (False, True):
        keras.utils.set_random_seed(0)
        model = two_layers()
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
        model.fit(X, Y, verbose=0, shuffle=False)
        if measured:
            fisher_importance(model, X)
        model.fit(X, Y, verbose=0, shuffle=False)
        results.append(model.get_weights())
    for plain, other in zip(*results, strict=True):
        assert np.array_equal(plain, other)


def test_paths_and_shapes_are_those_of_the_trainable_variables():
    model = two_layers()
    model.layers[0].trainable = False
    found = fisher_importance(model, X)
    shapes = {v.path: tuple(v.shape) for v in model.trainable_variables}
    assert {k: v.shape for k, v in found.items()} == shapes
    assert all(v.dtype == "float32" for v in found.values())


def test_a_model_without_graph_needs_from_logits():
    class Plain(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(3)

        def call(self, x):
            return self.dense(x)

    model = Plain()
    with pytest.raises(ValueError, match="no weights yet"):
        fisher_importance(model, X)
    model(X)
    model.dense.set_weights([KERNEL, BIAS])
    with pytest.raises(ValueError, match="Pass `from_logits=True`"):
        fisher_importance(model, X)
    found = fisher_importance(model, X, from_logits=True)
    assert_close(found, fisher_importance(linear(), X).values())


def test_refusals_name_the_argument():
    model = linear()
    for arguments, message in [
        (((X, Y), "true"), "`variant` must be one of"),
        ((X, Y), r"labels come in `data=\(x, y\)`"),
        ((X[:0],), "at least one sample"),
        (([],), "at least one sample"),
        ((X, "empirical"), "needs labels"),
        (((X, Y + 1), "empirical"), "from 0 to 2"),
        (((X, Y - 1), "empirical"), "from 0 to 2"),
        (((X, np.zeros((5, 2))), "empirical"), "class indices"),
        ((X, "exact", 0), "`num_samples` must be an int of 1 or more"),
        ((X, "exact", 4, 0), "`batch_size` must be an int of 1 or more"),
        ((X * np.nan,), "must be finite"),
    ]:
        with pytest.raises(ValueError, match=message):
            fisher_importance(model, *arguments)
    with pytest.raises(TypeError, match="must be numbers"):
        fisher_importance(model, (X, Y.astype(str)), "empirical")


def test_two_variables_of_one_path_have_keys_of_their_own():
    inputs = x = keras.Input((2,))
    for _ in range(2):
        x = keras.Model(inputs, Dense(2, name="same")(inputs))(x)
    model = keras.Model(inputs, x)
    assert set(fisher_importance(model, X)) == {
        "same/kernel",
        "same/bias",
        "same/kernel#2",
        "same/bias#2",
    }


def test_an_output_for_each_position_is_refused():
    model = keras.Sequential([keras.Input((4, 2)), Dense(3)])
    with pytest.raises(ValueError, match="one output of shape"):
        fisher_importance(model, np.zeros((2, 4, 2)))
