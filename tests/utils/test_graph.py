import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental.utils import graph

INPUTS = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")


def array(value):
    return np.array(ops.convert_to_numpy(value))


def sequential(*last):
    return keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, activation="relu"), *last]
    )


def functional(*last):
    inputs = keras.Input((4,))
    x = keras.layers.Dense(3, activation="relu")(inputs)
    for layer in last:
        x = layer(x)
    return keras.Model(inputs, x)


def nested(*last):
    inputs = keras.Input((4,))
    return keras.Model(inputs, functional(*last)(inputs))


def nested_with_softmax(*last):
    inputs = keras.Input((4,))
    x = functional(*last)(keras.layers.Rescaling(0.5)(inputs))
    return keras.Model(inputs, keras.layers.Softmax()(x))


def check_split(model, split, inputs=INPUTS):
    """The parts compute, one after the other, what the model does."""
    logits = split.head(split.features(inputs))
    if split.activation and split.head.activation.__name__ == "linear":
        logits = keras.activations.get(split.activation)(logits)
    np.testing.assert_allclose(array(logits), array(model(inputs)), atol=1e-6)


@pytest.mark.parametrize("build", [sequential, functional, nested])
@pytest.mark.parametrize("activation", [None, "softmax"])
def test_a_dense_at_the_end_is_the_head(build, activation):
    head = keras.layers.Dense(2, activation=activation)
    model = build(head)
    split = graph.split_head(model)
    assert split.head is head
    assert split.activation == activation
    assert split.features.output_shape == (None, 3)
    check_split(model, split)


@pytest.mark.parametrize("build", [sequential, functional, nested])
@pytest.mark.parametrize(
    "last", [keras.layers.Softmax(), keras.layers.Activation("softmax")]
)
def test_probabilities_may_be_a_layer_of_their_own(build, last):
    head = keras.layers.Dense(2)
    model = build(head, last)
    split = graph.split_head(model)
    assert split.head is head
    assert split.activation == "softmax"
    check_split(model, split)


def test_the_head_may_lie_in_a_nested_model_below_a_softmax():
    head = keras.layers.Dense(2)
    model = nested_with_softmax(head)
    split = graph.split_head(model)
    assert split.head is head
    assert split.activation == "softmax"
    check_split(model, split)


def test_one_unit_with_a_sigmoid_is_a_head():
    model = functional(keras.layers.Dense(1, activation="sigmoid"))
    split = graph.split_head(model)
    assert split.activation == "sigmoid"
    check_split(model, split)


def test_layers_that_do_nothing_are_passed_over():
    head = keras.layers.Dense(2)
    linear = keras.layers.Activation("linear")
    split = graph.split_head(functional(head, linear, keras.layers.Identity()))
    assert split.head is head
    assert split.activation is None


def test_the_features_share_their_layers_with_the_model():
    model = functional(keras.layers.Dense(2))
    split = graph.split_head(model)
    model.layers[1].kernel.assign(np.zeros((4, 3)))
    np.testing.assert_array_equal(array(split.features(INPUTS)), 0)


@pytest.mark.parametrize("is_nested", [False, True])
def test_the_features_of_a_lone_head_are_saved(is_nested, tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    if is_nested:
        inputs = keras.Input((4,))
        model = keras.Model(inputs, model(inputs))
    split = graph.split_head(model)
    check_split(model, split)
    split.features.save(tmp_path / "features.keras")
    loaded = keras.saving.load_model(tmp_path / "features.keras")
    np.testing.assert_array_equal(array(loaded(INPUTS)), INPUTS)


def test_an_unbuilt_model_has_no_head_yet():
    with pytest.raises(ValueError, match="has no graph of layers"):
        graph.split_head(keras.Sequential([keras.layers.Dense(2)]))


def test_a_model_with_two_outputs_is_refused():
    inputs = keras.Input((4,))
    outputs = [keras.layers.Dense(2)(inputs) for _ in range(2)]
    with pytest.raises(ValueError, match="Received: 2 outputs"):
        graph.split_head(keras.Model(inputs, outputs))


def test_a_subclassed_model_is_refused():
    class Classifier(keras.Model):
        def __init__(self):
            super().__init__()
            self.head = keras.layers.Dense(2)

        def call(self, inputs):
            return self.head(inputs)

    model = Classifier()
    model(INPUTS)
    with pytest.raises(
        ValueError, match="no graph of layers.*class Classifier"
    ):
        graph.split_head(model)


def test_what_is_no_model_is_refused():
    with pytest.raises(ValueError, match="Received: Dense"):
        graph.split_head(keras.layers.Dense(2))


def test_a_head_with_relu_is_refused():
    with pytest.raises(ValueError, match=r"\['relu'\]"):
        graph.split_head(functional(keras.layers.Dense(2, activation="relu")))


def test_probabilities_of_probabilities_are_refused():
    head = keras.layers.Dense(2, activation="softmax")
    with pytest.raises(ValueError, match="'softmax', 'softmax'"):
        graph.split_head(functional(head, keras.layers.Softmax()))


def test_a_model_without_weights_is_refused():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Softmax()(inputs))
    with pytest.raises(ValueError, match="no layer with weights"):
        graph.split_head(model)
