"""What a refused head is told to become is taken, and learns."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers

from keras_incremental.models import IncrementalClassifier

NAMES = ["a", "b", "c"]
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(12, 6, 6, 4)).astype("float32")


def model_of(*after):
    keras.utils.set_random_seed(0)
    conv = layers.Conv2D(5, 3, activation="relu", name="features")
    conv.trainable = False
    return keras.Sequential([keras.Input((6, 6, 4)), conv, *after])


def ends_in(model, layer):
    return keras.Model(model.inputs[0], model.get_layer(layer).input)


def of_lambda():
    return model_of(
        layers.GlobalAveragePooling2D(),
        layers.Dense(3),
        layers.Lambda(lambda x: x / 2, name="temperature"),
    )


def without_lambda(model):
    return ends_in(model, "temperature")


def with_rescaling(model):
    scores = model.get_layer("temperature").input
    return keras.Model(model.inputs[0], layers.Rescaling(1 / 2)(scores))


def of_largest():
    return model_of(layers.Conv2D(3, 1), layers.GlobalMaxPooling2D(name="max"))


def largest_below(model):
    pooled = layers.GlobalMaxPooling2D()(model.get_layer("features").output)
    return keras.Model(model.inputs[0], layers.Dense(3)(pooled))


def of_relu():
    convolution = layers.Conv2D(3, 1, activation="relu")
    return model_of(convolution, layers.GlobalAveragePooling2D())


def dense_on_mean(model):
    pooled = layers.GlobalAveragePooling2D()(model.get_layer("features").output)
    return keras.Model(model.inputs[0], layers.Dense(3)(pooled))


def of_two(combined):
    base = model_of(layers.GlobalAveragePooling2D())
    heads = [layers.Dense(3, name=f"head_{i}") for i in range(2)]
    outputs = combined([head(base.outputs[0]) for head in heads])
    return keras.Model(base.inputs[0], outputs)


def of_mean():
    return of_two(layers.average)


def of_sum():
    return of_two(layers.add)


def one_head(model, scale=0.5):
    first, second = (model.get_layer(f"head_{i}") for i in range(2))
    head = layers.Dense(3)
    fixed = keras.Model(model.inputs[0], head(first.input))
    pairs = zip(first.get_weights(), second.get_weights(), strict=True)
    head.set_weights([(a + b) * scale for a, b in pairs])
    return fixed


def side_by_side():
    base = model_of(layers.GlobalAveragePooling2D())
    heads = [layers.Dense(n + 1, name=f"head_{n}") for n in range(2)]
    outputs = layers.concatenate([head(base.outputs[0]) for head in heads])
    return keras.Model(base.inputs[0], outputs)


def with_all_columns(model):
    heads = [model.get_layer(f"head_{n}") for n in range(2)]
    head = layers.Dense(3)
    fixed = keras.Model(model.inputs[0], head(heads[0].input))
    pairs = zip(*(each.get_weights() for each in heads), strict=True)
    head.set_weights([np.concatenate(pair, -1) for pair in pairs])
    return fixed


def normalized():
    norm = layers.BatchNormalization(name="norm")
    head = layers.Dense(3, name="head")
    model = model_of(layers.GlobalAveragePooling2D(), head, norm)
    values = [GENERATOR.uniform(1, 2, w.shape) for w in norm.get_weights()]
    norm.set_weights(values)
    return model


def folded(model):
    head, norm = model.get_layer("head"), model.get_layer("norm")
    gamma, beta, mean, variance = norm.get_weights()
    scale = gamma / np.sqrt(variance + norm.epsilon)
    kernel, bias = head.get_weights()
    fixed = ends_in(model, "norm")
    head.set_weights([kernel * scale, bias * scale + beta - mean * scale])
    return fixed


def summed_head(model):
    return one_head(model, scale=1)


def quantized(*after, **options):
    model = model_of(layers.GlobalAveragePooling2D(), *after)
    with warnings.catch_warnings(action="ignore"):
        # Of each layer that has no weights.
        model.quantize("int8", **options)
    return model


def of_int8():
    return quantized(layers.Dense(3))


def float_head(model):
    model = quantized(
        layers.Dense(4),
        layers.Dense(3, name="head"),
        filters=lambda layer: layer.name != "head",
    )
    model.layers[-2].trainable = False
    return model


@keras.saving.register_keras_serializable("tests")
class Called(keras.Model):
    """Layers that are called by a method, so there is no graph."""

    def __init__(self):
        super().__init__()
        self.pool = layers.GlobalAveragePooling2D()
        self.head = layers.Dense(3)

    def call(self, inputs):
        return self.head(self.pool(inputs))


def of_call():
    model = Called()
    model(X)
    return model


def its_graph(model):
    inputs = keras.Input((6, 6, 4))
    return keras.Model(inputs, model.call(inputs))


def of_table():
    """A head whose weights are those of an embedding."""
    base = model_of(layers.GlobalAveragePooling2D(name="pooled"))
    table = layers.ReversibleEmbedding(3, 5, name="table")
    below = layers.Identity(name="below")(base.outputs[0] + table(np.ones(())))
    return keras.Model(base.inputs[0], table(below, reverse=True))


def dense_of_table(model):
    table = model.get_layer("table")
    head = layers.Dense(3, use_bias=False)
    fixed = keras.Model(model.inputs[0], head(model.get_layer("below").output))
    head.set_weights([table.get_weights()[0].T])
    return fixed


SAME, OTHER = True, False
CASES = {
    "rescaling for a Lambda": (of_lambda, "Rescaling", with_rescaling, SAME),
    "without a Lambda": (of_lambda, "get_layer", without_lambda, OTHER),
    "largest place": (of_largest, "below a `Dense`", largest_below, OTHER),
    "convolution with ReLU": (of_relu, "in a `Dense`", dense_on_mean, OTHER),
    "mean of two": (of_mean, "one `Dense`.*mean of theirs", one_head, SAME),
    "sum of two": (of_sum, "one `Dense`.*the sum", summed_head, SAME),
    "side by side": (side_by_side, "columns of all", with_all_columns, SAME),
    "normalized": (normalized, "gamma / sqrt", folded, SAME),
    "without a graph": (of_call, "no graph.*model.call", its_graph, SAME),
    "embedding": (of_table, "`Dense` layer with that", dense_of_table, SAME),
    "int8": (of_int8, "is quantized.*quantize all but", float_head, OTHER),
}


@pytest.mark.parametrize("case", CASES)
def test_the_fix_of_a_refused_head_works(case):
    make, message, fix, same = CASES[case]
    model = make()
    before = model.get_weights()
    with pytest.raises(ValueError, match=f"(?s){message}"):
        IncrementalClassifier(model, NAMES)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    expected = model.predict_on_batch(X)
    fixed = fix(model)
    if not same:
        expected = fixed.predict_on_batch(X)
    clf = IncrementalClassifier(fixed, NAMES)
    np.testing.assert_allclose(clf.predict_on_batch(X), expected, atol=1e-5)
    clf.learn(X, classes=["d"], verbose=0)
    assert clf.predict_on_batch(X).shape == (12, 4)


def recurrent():
    keras.utils.set_random_seed(0)
    inputs = keras.Input(batch_shape=(3, 6, 4))
    memory = layers.LSTM(5, stateful=True, trainable=False, name="memory")
    return keras.Model(inputs, layers.Dense(3)(memory(inputs)))


def without_state(model, path):
    model.get_layer("memory").stateful = False
    return model


def low_rank():
    keras.utils.set_random_seed(0)
    dense = layers.Dense(8, trainable=False)
    model = keras.Sequential([keras.Input((6, 4)), dense, layers.Flatten()])
    model.add(layers.Dense(3))
    dense.enable_lora(2)
    dense.lora_kernel_b.assign(np.full((2, 8), 0.1))
    dense.quantize("int8")
    return model


def reloaded(model, path):
    model.save(path)
    return keras.models.load_model(path)


@pytest.mark.parametrize(
    "make, message, fix",
    [
        (recurrent, "'memory'.*stateful = False", without_state),
        (low_rank, "LoRA to quantized.*load_model", reloaded),
    ],
    ids=["stateful", "quantized with LoRA"],
)
def test_the_fix_of_a_layer_works(make, message, fix, tmp_path):
    model = make()
    with pytest.raises(ValueError, match=f"(?s){message}"):
        IncrementalClassifier(model, NAMES)
    fixed = fix(model, tmp_path / "model.keras")
    sequences = X[:, 0]
    expected = fixed.predict_on_batch(sequences)
    clf = IncrementalClassifier(fixed, NAMES)
    for same in (clf, clf.to_keras()):
        np.testing.assert_allclose(
            same.predict_on_batch(sequences), expected, atol=1e-5
        )
