import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from keras_incremental.utils import state
from keras_incremental.utils.copies import copy_model

X = np.random.default_rng(0).normal(30.0, 9.0, (40, 4)).astype("float32")
WORDS = np.array([["a cat"], ["a dog"], ["no cat"], ["bird"]])
only_on_tensorflow = pytest.mark.skipif(
    keras.config.backend() != "tensorflow",
    reason="Keras computes these layers by TensorFlow.",
)
loads_tf_idf = pytest.mark.skipif(
    keras.version() < "3.14",
    reason="Keras before 3.14 cannot load TextVectorization of tf_idf.",
)


def adapted(layer, data):
    layer.adapt(data)
    return layer


def outputs_of(model, x):
    outputs = model(ops.convert_to_tensor(x), training=False)
    return ops.convert_to_numpy(outputs)


def assert_copied(model, x):
    copy = copy_model(model)
    np.testing.assert_allclose(
        outputs_of(copy, x), outputs_of(model, x), rtol=1e-5, atol=1e-6
    )
    shared = {id(v) for v in model.variables} & {id(v) for v in copy.variables}
    assert not shared
    return copy


def nested(layer):
    return keras.Sequential([keras.Input((4,)), layer, layers.Dense(4)])


@keras.saving.register_keras_serializable("tests")
class Shifted(keras.Model):
    """A model of its own, with a weight of its own beside a layer."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(3)

    def build(self, input_shape):
        self.shift = self.add_weight((3,), initializer="ones", name="shift")
        self.dense.build(input_shape)

    def call(self, inputs):
        return self.dense(inputs) + self.shift


def test_a_model_inside_keeps_weights_of_its_own():
    inner = Shifted()
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(2)(inner(inputs)))
    inner.shift.assign([1.0, 2.0, 30.0])
    assert_copied(model, X)


@keras.saving.register_keras_serializable("tests")
class Grown(layers.Layer):
    """A layer that got another one after it was made."""

    def build(self, input_shape):
        pass

    def call(self, inputs):
        return inputs


def test_a_copy_with_fewer_layers_is_refused():
    grown = Grown()
    grown.extra = layers.Dense(1)
    model = keras.Sequential([keras.Input((4,)), grown, layers.Dense(2)])
    with pytest.raises(ValueError, match="other layers.*`get_config`"):
        copy_model(model)


@pytest.mark.parametrize("inside", [False, True])
def test_an_adapted_normalization_keeps_mean_and_variance(inside):
    layer = adapted(layers.Normalization(), X)
    model = keras.Sequential(
        [keras.Input((4,)), nested(layer) if inside else layer, layers.Dense(2)]
    )
    assert_copied(model, X)


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Normalization(mean=30.0, variance=81.0),
        lambda: layers.BatchNormalization(),
        lambda: layers.Dropout(0.5),
        lambda: layers.RandomFlip(),
        lambda: layers.GaussianNoise(1.0),
    ],
)
def test_other_layers_are_copied_too(make):
    layer = make()
    shape = (4, 4, 1) if isinstance(layer, layers.RandomFlip) else (4,)
    model = keras.Sequential([keras.Input(shape), layer, layers.Flatten()])
    model.add(layers.Dense(2))
    for variable in model.weights:
        variable.assign(ops.abs(variable) + 0.5)
    x = X if len(shape) == 1 else np.tile(X[:, :, None, None], (1, 1, 4, 1))
    copy = assert_copied(model, x)
    for old, new in zip(model.weights, copy.weights, strict=True):
        np.testing.assert_array_equal(*map(ops.convert_to_numpy, (old, new)))


def test_lora_inside_attention_is_copied_as_what_it_computes():
    inputs = keras.Input((3, 4))
    attention = layers.MultiHeadAttention(2, 3)
    outputs = layers.Dense(2)(attention(inputs, inputs))
    model = keras.Model(inputs, outputs)
    inner = state.flatten_layers(model)
    for layer in [x for x in inner if isinstance(x, layers.EinsumDense)]:
        layer.enable_lora(2)
        layer.lora_kernel_b.assign(ops.ones(layer.lora_kernel_b.shape))
    assert_copied(model, X[:12].reshape(4, 3, 4) / 30)


@only_on_tensorflow
@pytest.mark.parametrize(
    "make, data",
    [
        (lambda: layers.TextVectorization(output_mode="multi_hot"), WORDS),
        pytest.param(
            lambda: layers.TextVectorization(output_mode="tf_idf"),
            WORDS,
            marks=loads_tf_idf,
        ),
        (lambda: layers.StringLookup(output_mode="one_hot"), WORDS),
        (
            lambda: layers.IntegerLookup(output_mode="one_hot"),
            np.array([[7], [9], [30]]),
        ),
        (lambda: layers.Discretization(num_bins=3), X[:, :1]),
        (
            lambda: layers.Discretization(bin_boundaries=[20.0, 30.0]),
            X[:, :1],
        ),
    ],
)
def test_vocabularies_and_bins_are_copied(make, data, tmp_path):
    layer = make()
    if getattr(layer, "bin_boundaries", None) is None:
        layer.adapt(data)
    kinds = {"U": "string", "i": "int64", "f": "float32"}
    inputs = keras.Input((1,), dtype=kinds[data.dtype.kind])
    x = ops.cast(layer(inputs), "float32")
    model = keras.Model(inputs, layers.Dense(2)(x))
    copy = assert_copied(model, data)
    copy.save(tmp_path / "copy.keras")
    again = keras.models.load_model(tmp_path / "copy.keras")
    np.testing.assert_allclose(
        outputs_of(again, data), outputs_of(model, data), rtol=1e-5
    )


@only_on_tensorflow
def test_hashing_is_copied():
    inputs = keras.Input((1,), dtype="string")
    x = layers.Hashing(5, output_mode="one_hot", salt=3)(inputs)
    assert_copied(keras.Model(inputs, layers.Dense(2)(x)), WORDS)


@keras.saving.register_keras_serializable("tests")
class Forgetful(layers.Layer):
    """A layer with a state that is neither weight nor configuration."""

    factor = 1.0

    def call(self, inputs):
        return self.factor * inputs


def test_a_layer_with_a_hidden_state_is_named():
    layer = Forgetful(name="forgetful")
    layer.factor = 3.0
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layer])
    with pytest.raises(ValueError, match="'forgetful' on.*save_own_variables"):
        copy_model(model)


FACTOR = 3.0


def test_a_lambda_keeps_the_names_that_it_refers_to():
    double = layers.Lambda(lambda x: x * FACTOR, output_shape=(4,))
    assert_copied(nested(double), X)


class WithoutConfig(layers.Dense):
    """A layer that cannot be made from its config."""

    def __init__(self, units, scale):
        super().__init__(units)
        self.scale = scale


def bent(x):
    return x * x


@pytest.mark.parametrize(
    "layer",
    [
        lambda: WithoutConfig(4, scale=2.0),
        lambda: layers.Dense(4, activation=bent),
    ],
    ids=["class", "function"],
)
def test_a_layer_that_no_copy_can_be_made_of_is_named(layer):
    model = nested(layer())
    name = model.layers[0].name
    message = f"No copy.*'{name}'.*get_config.*register"
    with pytest.raises(ValueError, match=message):
        copy_model(model)
    with pytest.raises(ValueError, match=message):
        copy_model(keras.Sequential([keras.Input((4,)), model]))
