import functools

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from keras_incremental.layers.expandable_dense import ExpandableDense
from keras_incremental.regularizers.per_example.calls import capture
from keras_incremental.regularizers.per_example.calls import layers_with_rule
from keras_incremental.regularizers.per_example.rules import sum_positions
from keras_incremental.regularizers.per_example.sums import Task
from keras_incremental.regularizers.per_example.sums import measured_sums

PIXELS = np.random.default_rng(0).normal(size=(3, 6, 5, 4)).astype("float32")
WEIGHT = np.ones((3, 1), "float32")
# JAX compiles a random initializer for every shape, for seconds.
Conv2D = functools.partial(layers.Conv2D, kernel_initializer="zeros")
Dense = functools.partial(layers.Dense, kernel_initializer="zeros")


def _task(model, measure=ops.square):
    return Task(
        model,
        lambda x: model(x, training=False),
        lambda outputs, given, index: (
            given[0] * ops.one_hot(index, outputs.shape[-1], dtype="float32")
        ),
        count=model.output_shape[-1],
        measure=measure,
    )


def _sums(model, x, measure=ops.square):
    weight = np.ones((len(x), 1), "float32")
    return measured_sums(_task(model, measure), x)(x, (weight,))


def _brute(model, x, measure=np.square):
    gradients = _GRADIENTS[keras.config.backend()](model)
    found = [
        gradients(row[None], unit)
        for row in x
        for unit in range(model.output_shape[-1])
    ]
    return [sum(measure(g) for g in each) for each in zip(*found, strict=True)]


def _tensorflow(model):
    import tensorflow as tf

    def gradients(x, unit):
        with tf.GradientTape() as tape:
            output = model(x, training=False)[0, unit]
        values = [v.value for v in model.trainable_variables]
        found = tape.gradient(output, values, unconnected_gradients="zero")
        return [np.array(tf.convert_to_tensor(g)) for g in found]

    return gradients


def _jax(model):
    import jax

    trainable = [v.value for v in model.trainable_variables]
    fixed = [v.value for v in model.non_trainable_variables]

    def output(values, x, unit):
        return model.stateless_call(values, fixed, x, training=False)[0][
            0, unit
        ]

    gradient = jax.jit(jax.grad(output))
    return lambda x, unit: [np.array(g) for g in gradient(trainable, x, unit)]


def _torch(model):
    import torch

    def gradients(x, unit):
        output = model(x, training=False)[0, unit]
        values = [v.value for v in model.trainable_variables]
        found = torch.autograd.grad(output, values, materialize_grads=True)
        return [g.cpu().numpy() for g in found]

    return gradients


_GRADIENTS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}


def _model(*inner, shape=(6, 5, 4)):
    model = keras.Sequential([keras.Input(shape), *inner])
    generator = np.random.default_rng(1)
    for variable in model.weights:
        values = generator.normal(size=variable.shape)
        if "variance" in variable.path:
            values = np.square(values)
        if "seed" not in variable.path:
            variable.assign(values)
    return model


def _pooled(*inner):
    return _model(*inner, layers.GlobalAveragePooling2D(), Dense(2))


def _assert_as_brute(model, x=PIXELS):
    for found, wanted in zip(_sums(model, x), _brute(model, x), strict=True):
        scale = np.max(wanted) + 1e-6
        np.testing.assert_allclose(found / scale, wanted / scale, atol=1e-5)


def _ruled(model):
    return [type(layer).__name__ for layer in layers_with_rule(model)]


@pytest.mark.parametrize(
    "layer",
    [
        {"kernel_size": 3, "padding": "same", "strides": 2},
        {"kernel_size": (2, 3), "activation": "tanh"},
        {"kernel_size": 2, "padding": "same", "dilation_rate": 2},
        {"kernel_size": 2, "groups": 2, "use_bias": False},
        {"kernel_size": 1, "strides": 2},
    ],
)
def test_conv2d_rule_equals_a_loop_over_examples(layer):
    model = _pooled(Conv2D(6, **layer))
    assert _ruled(model) == ["Conv2D", "Dense"]
    _assert_as_brute(model)


def test_depthwise_conv_rule_equals_a_loop_over_examples():
    model = _pooled(
        layers.DepthwiseConv2D(
            3,
            depthwise_initializer="zeros",
            strides=2,
            depth_multiplier=2,
            padding="same",
        )
    )
    assert _ruled(model) == ["DepthwiseConv2D", "Dense"]
    _assert_as_brute(model)


def test_batch_norm_rule_equals_a_loop_over_examples():
    model = _pooled(layers.BatchNormalization(axis=3), layers.ReLU())
    assert _ruled(model) == ["BatchNormalization", "Dense"]
    _assert_as_brute(model)


def test_dense_rule_on_maps_equals_a_loop_over_examples():
    model = _pooled(Dense(3, activation="tanh"))
    assert _ruled(model) == ["Dense", "Dense"]
    _assert_as_brute(model)


def test_expandable_dense_rule_equals_a_loop_over_examples():
    head = ExpandableDense([1, 2], kernel_initializer="zeros")
    model = _model(head, shape=(4,))
    assert _ruled(model) == ["ExpandableDense"]
    _assert_as_brute(model, PIXELS[:, 0, 0])


def test_a_head_that_computes_otherwise_has_no_rule():
    class Scaled(ExpandableDense):
        def call(self, inputs):
            return 2.0 * super().call(inputs)

    class Squared(ExpandableDense):
        def call_block(self, inputs, columns):
            return super().call_block(ops.square(inputs), columns)

    for kind in (Scaled, Squared):
        model = _model(kind([1, 2], kernel_initializer="zeros"), shape=(4,))
        assert _ruled(model) == []
        _assert_as_brute(model, PIXELS[:, 0, 0])


def test_a_head_with_splits_has_no_rule():
    head = ExpandableDense([1, 1], parents=[-1, 0], kernel_initializer="zeros")
    model = _model(head, shape=(4,))
    assert _ruled(model) == []
    _assert_as_brute(model, PIXELS[:, 0, 0])


def test_a_layer_may_have_a_rule_of_its_own():
    class Gain(layers.Layer):
        def build(self, input_shape):
            self.gain = self.add_weight(shape=(input_shape[-1],), name="gain")

        def call(self, inputs):
            return inputs * self.gain

        def per_example_rule(self, inputs, delta, measure):
            return [(self.gain, sum_positions(inputs * delta, measure))]

    model = _pooled(Gain())
    assert _ruled(model) == ["Gain", "Dense"]
    _assert_as_brute(model)


def test_frozen_weights_have_no_entry():
    head = ExpandableDense([1, 2], kernel_initializer="zeros", frozen_groups=1)
    model = _model(head, shape=(4,))
    shapes = [s.shape for s in _sums(model, PIXELS[:, 0, 0])]
    assert shapes == [(4, 2), (2,)]
    _assert_as_brute(model, PIXELS[:, 0, 0])


def test_layers_without_rule_are_measured_exactly():
    model = _pooled(
        layers.LayerNormalization(),
        layers.Conv2DTranspose(2, 2, kernel_initializer="zeros"),
    )
    assert _ruled(model) == ["Dense"]
    _assert_as_brute(model)


def test_a_layer_as_activation_is_measured_exactly():
    model = _pooled(Conv2D(3, 1, activation=layers.PReLU()))
    # Keras builds such a layer at the first call.
    model(PIXELS)
    assert _ruled(model) == ["Dense"]
    _assert_as_brute(model)


def test_a_layer_called_twice_is_measured_exactly():
    twice = Dense(4, activation="tanh")
    model = _pooled(twice, twice)
    _assert_as_brute(model)


def test_an_embedding_is_measured_exactly():
    model = _model(
        layers.Embedding(5, 3, "zeros"),
        layers.SimpleRNN(
            2, kernel_initializer="zeros", recurrent_initializer="zeros"
        ),
        shape=(4,),
    )
    _assert_as_brute(model, np.array([[0, 1, 1, 2], [3, 0, 2, 2]]))


def test_a_nested_model_has_rules_too():
    inner = keras.Sequential([keras.Input((6, 5, 4)), Conv2D(3, 2)])
    model = _pooled(inner)
    assert _ruled(model) == ["Conv2D", "Dense"]
    _assert_as_brute(model)


class _Tied(layers.Layer):
    """Uses the kernel of a layer that it holds, behind the back of it."""

    def __init__(self, dense, **kwargs):
        super().__init__(**kwargs)
        self.dense = dense

    def call(self, x):
        return ops.matmul(self.dense(x), ops.transpose(self.dense.kernel))


def test_weights_that_another_layer_uses_are_measured_exactly():
    dense = Dense(3)
    inputs = keras.Input((4,))
    outputs = _Tied(dense)(inputs)
    model = keras.Model(inputs, layers.Add()([outputs, outputs]))
    assert _ruled(model) == []
    _assert_as_brute(model, PIXELS[:, 0, 0])


def test_a_changed_convolution_has_no_rule():
    class Standardized(layers.Conv2D):
        def convolution_op(self, inputs, kernel):
            return super().convolution_op(inputs, kernel - ops.mean(kernel))

    model = _pooled(Standardized(2, 2, kernel_initializer="zeros"))
    assert _ruled(model) == ["Dense"]
    _assert_as_brute(model)


def test_lora_weights_are_measured_exactly():
    dense = Dense(3)
    model = _pooled(dense)
    dense.enable_lora(2)
    assert len(_ruled(model)) == 1
    _assert_as_brute(model)


def test_a_model_with_two_inputs_is_measured_exactly():
    left, right = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    outputs = Dense(2)(layers.Concatenate()([left, right]))
    model = keras.Model({"a": left, "b": right}, outputs)
    x = {"a": PIXELS[:, 0, 0, :2], "b": PIXELS[:, 0, 0, 2:]}
    kernel, bias = measured_sums(_task(model), x)(x, (WEIGHT,))
    wanted = np.sum(PIXELS[:, 0, 0] ** 2, 0)[:, None] * np.ones(2)
    np.testing.assert_allclose(kernel, wanted, rtol=1e-5)
    np.testing.assert_allclose(bias, [3, 3], rtol=1e-6)


def test_absolute_values_are_of_single_examples():
    model = _model(Dense(2), shape=(1,))
    x = np.array([[1.0], [-2.0]], "float32")
    kernel, bias = _sums(model, x, ops.abs)
    np.testing.assert_allclose(kernel, [[3.0, 3.0]])
    np.testing.assert_allclose(bias, [2.0, 2.0])


def test_layers_are_as_before_when_a_call_fails():
    dense = Dense(2, activation="tanh")
    model = _model(dense, shape=(4,))
    activation = dense.activation
    with pytest.raises(RuntimeError), capture([dense], _fail):
        model(PIXELS[:, 0, 0])
    assert "call" not in vars(dense) and dense.activation is activation


def _fail(output):
    raise RuntimeError


_ON_TORCH = pytest.mark.skipif(
    keras.config.backend() != "torch", reason="others compile a graph"
)


@_ON_TORCH
def test_a_layer_that_looks_at_values_is_measured_exactly():
    class Checked(layers.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight(shape=(), name="scale")

        def call(self, inputs):
            if float(ops.max(ops.abs(inputs))) > 1e6:
                raise ValueError("The inputs are too large.")
            return self.scale * inputs

    _assert_as_brute(_pooled(Checked()))


@_ON_TORCH
def test_few_examples_at_once_give_the_same(monkeypatch):
    from keras_incremental.regularizers.per_example import on_torch

    model = _pooled(layers.LayerNormalization())
    monkeypatch.setattr(on_torch, "MAX_ELEMENTS", 2 * 8)
    _assert_as_brute(model)


@_ON_TORCH
def test_operations_without_a_rule_of_batches_say_nothing():
    attention = layers.MultiHeadAttention(2, 2, kernel_initializer="zeros")
    inputs = keras.Input((3, 4))
    outputs = layers.GlobalAveragePooling1D()(attention(inputs, inputs))
    model = keras.Model(inputs, Dense(2)(outputs))
    _assert_as_brute(model, PIXELS[:, 0, :3])
