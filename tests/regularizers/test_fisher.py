import functools

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from keras_incremental.layers.expandable_dense import ExpandableDense
from keras_incremental.regularizers.fisher import fisher_importance

X = np.array(
    [[1.0, 0.5], [-1.0, 2.0], [0.0, 1.5], [0.3, -0.7], [2.0, 1.0]], "float32"
)
Y = np.array([0, 2, 1, 1, 2])
KERNEL = np.array([[0.5, -1.0, 0.2], [0.1, 0.3, -0.6]], "float32")
BIAS = np.array([0.1, 0.0, -0.2], "float32")
# JAX compiles a random initializer for every shape, for seconds.
Dense = functools.partial(layers.Dense, kernel_initializer="zeros")
HIDDEN = np.array([[1.0, -0.5], [0.4, 0.9]], "float32")


def _softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _linear(activation=None, head=None):
    model = keras.Sequential(
        [keras.Input((2,)), head or Dense(3, activation=activation)]
    )
    model.layers[-1].set_weights([KERNEL, BIAS])
    return model


def _two_layers(activation=None):
    model = keras.Sequential(
        [
            keras.Input((2,)),
            Dense(2, activation="tanh", use_bias=False),
            Dense(3, activation=activation),
        ]
    )
    model.set_weights([HIDDEN, KERNEL, BIAS])
    return model


def _oracle(weight_of):
    """Slow NumPy Fisher of `_two_layers`, `weight_of(p, y)` for each label."""
    total = [np.zeros((2, 2)), np.zeros((2, 3)), np.zeros(3)]
    for row, label in zip(X.astype("float64"), Y, strict=True):
        h = np.tanh(row @ HIDDEN)
        p = _softmax(h @ KERNEL + BIAS)
        for y, weight in enumerate(weight_of(p, label)):
            d = np.eye(3)[y] - p
            inner = (KERNEL @ d) * (1 - h**2)
            gradients = (np.outer(row, inner), np.outer(h, d), d)
            for t, g in zip(total, gradients, strict=True):
                t += weight * g**2 / len(X)
    return total


def _assert_close(importance, wanted, rtol=1e-5):
    for found, expected in zip(importance.values(), wanted, strict=True):
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-7)


def test_exact_equals_the_closed_form_of_a_linear_softmax():
    p = _softmax(X.astype("float64") @ KERNEL + BIAS)
    variance = p * (1 - p)
    kernel = np.einsum("nd,nk->dk", X**2, variance) / len(X)
    _assert_close(fisher_importance(_linear(), X), [kernel, variance.mean(0)])


def test_empirical_equals_the_closed_form_of_a_linear_softmax():
    p = _softmax(X.astype("float64") @ KERNEL + BIAS)
    squares = (p - np.eye(3)[Y]) ** 2
    kernel = np.einsum("nd,nk->dk", X**2, squares) / len(X)
    found = fisher_importance(_linear(), (X, Y), "empirical")
    _assert_close(found, [kernel, squares.mean(0)])


def test_exact_equals_numpy_on_two_layers():
    wanted = _oracle(lambda p, label: p)
    _assert_close(fisher_importance(_two_layers(), X), wanted)


def test_empirical_equals_numpy_on_two_layers():
    wanted = _oracle(lambda p, label: np.eye(3)[label])
    found = fisher_importance(_two_layers(), (X, Y), "empirical")
    _assert_close(found, wanted)


def test_exact_is_the_same_number_on_every_backend():
    kernel = list(fisher_importance(_linear(), X).values())[0]
    golden = [[0.205073, 0.088496, 0.155292], [0.270358, 0.255374, 0.128262]]
    np.testing.assert_allclose(kernel, golden, atol=2e-6)


def test_sampled_draws_one_label_for_each_example():
    model = _linear()
    bias = fisher_importance(model, X[:1], "sampled", seed=3)
    p = _softmax(X[0] @ KERNEL + BIAS)
    squares = [(np.eye(3)[y] - p) ** 2 for y in range(3)]
    found = list(bias.values())[1]
    assert any(np.allclose(found, s, rtol=1e-4) for s in squares)


def test_sampled_is_exact_in_the_mean():
    x = np.repeat(X, 800, 0)
    found = fisher_importance(_linear(), x, "sampled", None, batch_size=4000)
    wanted = list(fisher_importance(_linear(), X).values())
    _assert_close(found, wanted, rtol=0.1)


def test_sampled_repeats_with_its_seed():
    first, again, other = (
        list(fisher_importance(_linear(), X, "sampled", seed=s).values())[0]
        for s in (1, 1, 2)
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize("variant", ["exact", "sampled", "empirical"])
def test_batch_size_has_no_effect(variant):
    model = _two_layers()
    one, three, all_ = (
        list(fisher_importance(model, (X, Y), variant, batch_size=b).values())
        for b in (1, 3, 64)
    )
    for a, b, c in zip(one, three, all_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-8)
        np.testing.assert_allclose(a, c, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("from_logits", [None, False])
def test_probabilities_give_the_same_as_logits(from_logits):
    wanted = list(fisher_importance(_linear(), X).values())
    model = _linear("softmax")
    found = fisher_importance(model, X, from_logits=from_logits)
    _assert_close(found, wanted)


def test_a_certain_and_wrong_softmax_is_still_exact():
    model = _linear("softmax")
    model.layers[-1].set_weights([200 * KERNEL, BIAS])
    found = fisher_importance(model, (X[:1], Y[1:2]), "empirical")
    wanted = (_softmax(200 * X[:1] @ KERNEL + BIAS) - np.eye(3)[2]) ** 2
    np.testing.assert_allclose(list(found.values())[1], wanted[0], atol=1e-6)


def test_one_sigmoid_unit_is_a_yes_or_no_answer():
    model = keras.Sequential(
        [keras.Input((2,)), Dense(1, activation="sigmoid")]
    )
    model.set_weights([KERNEL[:, :1], BIAS[:1]])
    p = 1 / (1 + np.exp(-(X @ KERNEL[:, :1] + BIAS[:1])))
    wanted = {
        "exact": (p * (1 - p)).mean(0),
        "empirical": ((p - (Y[:, None] > 0)) ** 2).mean(0),
    }
    for variant, expected in wanted.items():
        for from_logits in (None, False):
            found = fisher_importance(
                model, (X, Y > 0), variant, from_logits=from_logits
            )
            bias = list(found.values())[1]
            np.testing.assert_allclose(bias, expected, rtol=1e-5)


def test_sigmoid_units_are_independent_answers():
    p = 1 / (1 + np.exp(-(X @ KERNEL + BIAS)))
    found = fisher_importance(_linear("sigmoid"), X)
    bias = list(found.values())[1]
    np.testing.assert_allclose(bias, (p * (1 - p)).mean(0), rtol=1e-5)
    sampled = fisher_importance(_linear("sigmoid"), X[:1], "sampled")
    bias = list(sampled.values())[1]
    assert all(
        np.isclose(b, q**2, rtol=1e-4) or np.isclose(b, (1 - q) ** 2, rtol=1e-4)
        for b, q in zip(bias, p[0], strict=True)
    )


def test_one_hot_labels_equal_indices():
    found = fisher_importance(_linear(), (X, np.eye(3)[Y]), "empirical")
    column = fisher_importance(_linear(), (X, Y[:, None]), "empirical")
    wanted = fisher_importance(_linear(), (X, Y), "empirical")
    _assert_close(found, wanted.values(), rtol=0)
    _assert_close(column, wanted.values(), rtol=0)


def test_blocks_of_an_expandable_head_equal_one_dense():
    wanted = list(fisher_importance(_linear(), X).values())
    head = ExpandableDense([1, 2], kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((2,)), head])
    head.assign_columns("kernel", KERNEL)
    head.assign_columns("bias", BIAS)
    found = fisher_importance(model, X)
    kernels = [v for k, v in found.items() if "kernel" in k]
    biases = [v for k, v in found.items() if "bias" in k]
    np.testing.assert_allclose(np.concatenate(kernels, -1), wanted[0], 1e-6)
    np.testing.assert_allclose(np.concatenate(biases, -1), wanted[1], 1e-6)


def test_num_samples_is_a_cap():
    found = fisher_importance(_linear(), [X[:2], X[2:]], num_samples=3)
    wanted = fisher_importance(_linear(), X[:3])
    _assert_close(found, wanted.values())


def test_batches_of_pairs_equal_arrays():
    batches = [(X[:2], Y[:2]), (X[2:], Y[2:])]
    found = fisher_importance(_linear(), batches, "empirical")
    wanted = fisher_importance(_linear(), (X, Y), "empirical")
    _assert_close(found, wanted.values())


def test_a_py_dataset_equals_arrays():
    class Pairs(keras.utils.PyDataset):
        num_batches = 5

        def __getitem__(self, index):
            return X[index : index + 1], Y[index : index + 1]

    found = fisher_importance(_linear(), Pairs(workers=1), "empirical")
    wanted = fisher_importance(_linear(), (X, Y), "empirical")
    _assert_close(found, wanted.values())


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
    _assert_close(found, again.values(), rtol=0)


def test_the_model_trains_on_as_if_nothing_happened():
    results = []
    for measured in (False, True):
        keras.utils.set_random_seed(0)
        model = _two_layers()
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
        model.fit(X, Y, verbose=0, shuffle=False)
        if measured:
            fisher_importance(model, X)
        model.fit(X, Y, verbose=0, shuffle=False)
        results.append(model.get_weights())
    for plain, other in zip(*results, strict=True):
        assert np.array_equal(plain, other)


def test_paths_and_shapes_are_those_of_the_trainable_variables():
    model = _two_layers()
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
    _assert_close(found, fisher_importance(_linear(), X).values())


def test_refusals_name_the_argument():
    model = _linear()
    for arguments, message in [
        (((X, Y), "true"), "`variant` must be one of"),
        ((X[:0],), "at least one example"),
        (([],), "at least one example"),
        ((X, "empirical"), "needs labels"),
        (((X, Y + 1), "empirical"), "between 0 and 2"),
        (((X, Y - 1), "empirical"), "between 0 and 2"),
        (((X, np.zeros((5, 2))), "empirical"), "class indices"),
        ((X, "exact", 0), "`num_samples` must be 1 or more"),
        ((X, "exact", 4, 0), "`batch_size` must be 1 or more"),
        ((X * np.nan,), "not finite"),
    ]:
        with pytest.raises(ValueError, match=message):
            fisher_importance(model, *arguments)
    with pytest.raises(TypeError, match="must be numbers"):
        fisher_importance(model, (X, Y.astype(str)), "empirical")


def test_two_variables_of_one_path_are_refused():
    inputs = x = keras.Input((2,))
    for _ in range(2):
        x = keras.Model(inputs, Dense(2, name="same")(inputs))(x)
    model = keras.Model(inputs, x)
    with pytest.raises(ValueError, match="different names"):
        fisher_importance(model, X)


def test_an_output_for_each_position_is_refused():
    model = keras.Sequential([keras.Input((4, 2)), Dense(3)])
    with pytest.raises(ValueError, match="one output of shape"):
        fisher_importance(model, np.zeros((2, 4, 2)))
