import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental.layers import ExpandableDense
from keras_incremental.regularizers import output_sensitivity

X = np.random.RandomState(0).normal(size=(7, 3)).astype("float32")


def linear(head=None):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((3,)), head or keras.layers.Dense(4)])


def deep(*after):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(5, activation="tanh"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(4),
            *after,
        ]
    )


def sensitivities(model, data=X, **kwargs):
    return list(output_sensitivity(model, data, **kwargs).values())


@pytest.mark.parametrize(
    "head", [None, ExpandableDense([3, 1])], ids=["Dense", "ExpandableDense"]
)
def test_mas_linear_closed_form(head):
    model = linear(head)
    z = ops.convert_to_numpy(model(X))
    kernel = 2 * np.abs(X[:, :, None] * z[:, None, :]).mean(0)
    bias = 2 * np.abs(z).mean(0)
    found = sensitivities(model)
    kernels, biases = found[::2], found[1::2]
    np.testing.assert_allclose(np.concatenate(kernels, -1), kernel, rtol=1e-5)
    np.testing.assert_allclose(np.concatenate(biases, -1), bias, rtol=1e-5)


def test_examples_of_opposite_signs_do_not_cancel():
    model = linear(keras.layers.Dense(4, use_bias=False))
    both = np.concatenate([X, X * [[1, -1, 1]]]).astype("float32")
    z = ops.convert_to_numpy(model(both))
    expected = 2 * np.abs(both[:, :, None] * z[:, None, :]).mean(0)
    np.testing.assert_allclose(sensitivities(model, both)[0], expected, 1e-5)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_the_batch_size_does_not_matter(batch_size):
    model = deep()
    for a, b in zip(
        sensitivities(model),
        sensitivities(model, batch_size=batch_size),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_scaled_logits_scale_it_by_the_square():
    plain = sensitivities(deep(), from_logits=True)
    scaled = sensitivities(deep(keras.layers.Rescaling(3.0)), from_logits=True)
    for a, b in zip(plain, scaled, strict=True):
        np.testing.assert_allclose(9 * a, b, rtol=1e-4, atol=1e-5)


def test_it_is_that_of_logits_below_a_softmax():
    plain = sensitivities(deep())
    for a, b in zip(
        plain, sensitivities(deep(keras.layers.Softmax())), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_logits_of_zero_give_zeros():
    model = linear(keras.layers.Dense(4, kernel_initializer="zeros"))
    assert not any(value.any() for value in sensitivities(model))


def test_labels_are_not_used():
    model = linear()
    unlabeled = sensitivities(model)
    labeled = sensitivities(model, (X, np.arange(7)))
    np.testing.assert_array_equal(unlabeled[0], labeled[0])


def test_no_examples_are_refused():
    with pytest.raises(ValueError, match="at least one sample"):
        output_sensitivity(linear(), X[:0])
