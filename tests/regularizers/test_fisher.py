import keras
import numpy as np
import pytest
from fisher_models import BIAS
from fisher_models import HIDDEN
from fisher_models import KERNEL
from fisher_models import Dense
from fisher_models import X
from fisher_models import Y
from fisher_models import assert_close
from fisher_models import linear
from fisher_models import softmax
from fisher_models import two_layers

from keras_incremental.layers.expandable_dense import ExpandableDense
from keras_incremental.regularizers.fisher import fisher_importance


def _oracle(weight_of):
    """Slow NumPy Fisher of `two_layers`, `weight_of(p, y)` for each label."""
    total = [np.zeros((2, 2)), np.zeros((2, 3)), np.zeros(3)]
    for row, label in zip(X.astype("float64"), Y, strict=True):
        h = np.tanh(row @ HIDDEN)
        p = softmax(h @ KERNEL + BIAS)
        for y, weight in enumerate(weight_of(p, label)):
            d = np.eye(3)[y] - p
            inner = (KERNEL @ d) * (1 - h**2)
            gradients = (np.outer(row, inner), np.outer(h, d), d)
            for t, g in zip(total, gradients, strict=True):
                t += weight * g**2 / len(X)
    return total


def test_exact_equals_the_closed_form_of_a_linear_softmax():
    p = softmax(X.astype("float64") @ KERNEL + BIAS)
    variance = p * (1 - p)
    kernel = np.einsum("nd,nk->dk", X**2, variance) / len(X)
    assert_close(fisher_importance(linear(), X), [kernel, variance.mean(0)])


def test_empirical_equals_the_closed_form_of_a_linear_softmax():
    p = softmax(X.astype("float64") @ KERNEL + BIAS)
    squares = (p - np.eye(3)[Y]) ** 2
    kernel = np.einsum("nd,nk->dk", X**2, squares) / len(X)
    found = fisher_importance(linear(), (X, Y), "empirical")
    assert_close(found, [kernel, squares.mean(0)])


def test_exact_equals_numpy_on_two_layers():
    wanted = _oracle(lambda p, label: p)
    assert_close(fisher_importance(two_layers(), X), wanted)


def test_empirical_equals_numpy_on_two_layers():
    wanted = _oracle(lambda p, label: np.eye(3)[label])
    found = fisher_importance(two_layers(), (X, Y), "empirical")
    assert_close(found, wanted)


def test_exact_is_the_same_number_on_every_backend():
    kernel = list(fisher_importance(linear(), X).values())[0]
    golden = [[0.205073, 0.088496, 0.155292], [0.270358, 0.255374, 0.128262]]
    np.testing.assert_allclose(kernel, golden, atol=2e-6)


def test_sampled_draws_one_label_for_each_example():
    model = linear()
    bias = fisher_importance(model, X[:1], "sampled", seed=3)
    p = softmax(X[0] @ KERNEL + BIAS)
    squares = [(np.eye(3)[y] - p) ** 2 for y in range(3)]
    found = list(bias.values())[1]
    assert any(np.allclose(found, s, rtol=1e-4) for s in squares)


def test_sampled_is_exact_in_the_mean():
    x = np.repeat(X, 800, 0)
    found = fisher_importance(linear(), x, "sampled", None, batch_size=4000)
    wanted = list(fisher_importance(linear(), X).values())
    assert_close(found, wanted, rtol=0.1)


def test_sampled_repeats_with_its_seed():
    first, again, other = (
        list(fisher_importance(linear(), X, "sampled", seed=s).values())[0]
        for s in (1, 1, 2)
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize("variant", ["exact", "sampled", "empirical"])
def test_batch_size_has_no_effect(variant):
    model = two_layers()
    one, three, all_ = (
        list(fisher_importance(model, (X, Y), variant, batch_size=b).values())
        for b in (1, 3, 64)
    )
    for a, b, c in zip(one, three, all_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-8)
        np.testing.assert_allclose(a, c, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("from_logits", [None, False])
def test_probabilities_give_the_same_as_logits(from_logits):
    wanted = list(fisher_importance(linear(), X).values())
    model = linear("softmax")
    found = fisher_importance(model, X, from_logits=from_logits)
    assert_close(found, wanted)


def test_a_certain_and_wrong_softmax_is_still_exact():
    model = linear("softmax")
    model.layers[-1].set_weights([200 * KERNEL, BIAS])
    found = fisher_importance(model, (X[:1], Y[1:2]), "empirical")
    wanted = (softmax(200 * X[:1] @ KERNEL + BIAS) - np.eye(3)[2]) ** 2
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
    found = fisher_importance(linear("sigmoid"), X)
    bias = list(found.values())[1]
    np.testing.assert_allclose(bias, (p * (1 - p)).mean(0), rtol=1e-5)
    sampled = fisher_importance(linear("sigmoid"), X[:1], "sampled")
    bias = list(sampled.values())[1]
    assert all(
        np.isclose(b, q**2, rtol=1e-4) or np.isclose(b, (1 - q) ** 2, rtol=1e-4)
        for b, q in zip(bias, p[0], strict=True)
    )


def test_one_hot_labels_equal_indices():
    found = fisher_importance(linear(), (X, np.eye(3)[Y]), "empirical")
    column = fisher_importance(linear(), (X, Y[:, None]), "empirical")
    wanted = fisher_importance(linear(), (X, Y), "empirical")
    assert_close(found, wanted.values(), rtol=0)
    assert_close(column, wanted.values(), rtol=0)


def test_blocks_of_an_expandable_head_equal_one_dense():
    wanted = list(fisher_importance(linear(), X).values())
    head = ExpandableDense([1, 2], kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((2,)), head])
    head.assign_columns("kernel", KERNEL)
    head.assign_columns("bias", BIAS)
    found = fisher_importance(model, X)
    kernels = [v for k, v in found.items() if "kernel" in k]
    biases = [v for k, v in found.items() if "bias" in k]
    np.testing.assert_allclose(np.concatenate(kernels, -1), wanted[0], 1e-6)
    np.testing.assert_allclose(np.concatenate(biases, -1), wanted[1], 1e-6)
