import functools

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from keras_incremental import recipes
from keras_incremental.conversion.convert import convert
from keras_incremental.layers import ExpandableDense

INPUTS = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")


def classifier(*last):
    return keras.Sequential([keras.Input((4,)), layers.Dense(5), *last])


def logits_of(split):
    return ops.convert_to_numpy(split.head(split.features(INPUTS)))


def outputs_of(model):
    return ops.convert_to_numpy(model(INPUTS))


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_logits_head_gives_the_same_logits():
    model = classifier(layers.Dense(3))
    split = convert(model)
    assert split.activation is None
    np.testing.assert_array_equal(logits_of(split), outputs_of(model))


def test_softmax_head_gives_the_same_probabilities():
    model = classifier(layers.Dense(3, activation="softmax"))
    split = convert(model)
    assert split.activation == "softmax"
    np.testing.assert_allclose(
        softmax(logits_of(split)), outputs_of(model), atol=1e-6
    )


def test_softmax_layer_after_the_head_is_found():
    split = convert(classifier(layers.Dense(3), layers.Softmax()))
    assert split.activation == "softmax"
    assert split.head.units == 3


def test_one_logit_becomes_two_exactly():
    model = classifier(layers.Dense(1))
    logits = logits_of(convert(model))
    np.testing.assert_array_equal(logits[:, 0], -logits[:, 1])
    np.testing.assert_allclose(
        logits[:, 1:] - logits[:, :1], outputs_of(model), atol=1e-6
    )


def test_one_sigmoid_becomes_two_probabilities():
    model = classifier(layers.Dense(1, activation="sigmoid"))
    split = convert(model)
    assert split.activation == "softmax"
    np.testing.assert_allclose(
        softmax(logits_of(split))[:, 1:], outputs_of(model), atol=1e-6
    )


def test_head_without_bias_gets_a_bias_of_zero():
    model = classifier(layers.Dense(3, use_bias=False))
    split = convert(model)
    np.testing.assert_allclose(logits_of(split), outputs_of(model), atol=1e-6)


def test_expandable_head_is_taken_as_it_is():
    head = ExpandableDense([2, 1], frozen_groups=1)
    assert convert(classifier(head)).head is head


def test_regularizers_and_precision_of_the_head_are_kept():
    dense = layers.Dense(3, kernel_regularizer="l2", dtype="mixed_bfloat16")
    head = convert(classifier(dense)).head
    assert head.kernel_regularizer is dense.kernel_regularizer
    assert head.compute_dtype == "bfloat16"


def test_nested_pretrained_model_is_shared_not_copied():
    base = keras.Sequential([keras.Input((4,)), layers.Dense(5)], name="base")
    model = keras.Sequential([keras.Input((4,)), base, layers.Dense(2)])
    assert convert(model).features.get_layer("base") is base


@pytest.mark.parametrize(
    "loss",
    [
        "sparse_categorical_crossentropy",
        keras.losses.sparse_categorical_crossentropy,
        keras.losses.SparseCategoricalCrossentropy(),
    ],
)
def test_warns_where_the_loss_expects_probabilities_of_logits(loss):
    model = classifier(layers.Dense(3))
    model.compile("sgd", loss)
    with pytest.warns(UserWarning, match="gives logits.*from_logits=True"):
        convert(model)


def test_warns_where_the_loss_expects_logits_of_probabilities():
    model = classifier(layers.Dense(1, activation="sigmoid"))
    model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    with pytest.warns(UserWarning, match="probabilities.*from_logits=False"):
        convert(model)


@pytest.mark.parametrize(
    "loss",
    [
        keras.losses.BinaryCrossentropy(from_logits=True),
        functools.partial(keras.losses.binary_crossentropy, from_logits=True),
        lambda y_true, y_pred: y_true - y_pred,
    ],
)
def test_agreeing_loss_does_not_warn(loss):
    model = classifier(layers.Dense(1))
    model.compile("sgd", loss)
    convert(model)


def test_sigmoids_do_not_exclude_each_other():
    model = classifier(layers.Dense(3, activation="sigmoid"))
    split = convert(model)
    assert split.activation == "sigmoid" and not split.head.exclusive
    outputs = ops.convert_to_numpy(ops.sigmoid(logits_of(split)))
    np.testing.assert_allclose(outputs, outputs_of(model), atol=1e-6)


def test_sigmoids_cannot_be_said_to_exclude_each_other():
    model = classifier(layers.Dense(3, activation="sigmoid"))
    with pytest.raises(ValueError, match="3 sigmoid outputs.*softmax"):
        convert(model, multi_label=False)


def test_another_head_cannot_take_the_place_of_splits():
    head = ExpandableDense(2)
    model = classifier(head)
    head.expand(1, parents=[0])
    with pytest.raises(ValueError, match="came out of others"):
        convert(model, recipes.slda())


def test_refuses_a_model_that_ends_in_something_else():
    with pytest.raises(ValueError, match="must end in a `Dense`.*Normaliz"):
        convert(classifier(layers.LayerNormalization()))


def test_refuses_what_is_no_model():
    with pytest.raises(ValueError, match="must be a Keras model.*str"):
        convert("model.keras")
