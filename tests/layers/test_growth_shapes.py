"""What a model tells of its shape, and carries on top, after growth."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

import keras_incremental as ki
from keras_incremental.layers import ExpandableDense

X = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")


def sequential(*after):
    first = [keras.Input((4,)), layers.Dense(5)]
    return keras.Sequential([*first, ExpandableDense(2), *after])


def functional():
    inputs = keras.Input((4,))
    return keras.Model(inputs, ExpandableDense(2)(layers.Dense(5)(inputs)))


def with_operations():
    model = functional()
    scaled = ops.softmax(model.outputs[0] / 2)
    return keras.Model(model.inputs, layers.Reshape((1, -1))(scaled))


def nested():
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Softmax()(sequential()(inputs)))


MODELS = {
    "sequential": (sequential, (None, 4)),
    "functional": (functional, (None, 4)),
    "operations": (with_operations, (None, 1, 4)),
    "nested": (nested, (None, 4)),
}


def summary_of(model):
    lines = []
    model.summary(print_fn=lambda line, **_: lines.append(line), line_length=99)
    return "\n".join(lines)


@pytest.mark.parametrize("name", MODELS)
def test_the_new_width_is_told_and_built_upon(name):
    make, shape = MODELS[name]
    model = make()
    ki.expand(model, 2)
    assert model.output_shape == model.outputs[0].shape == shape
    assert model.compute_output_shape((None, 4)) == shape
    summary = summary_of(model)
    assert str(shape) in summary and "2)" not in summary
    top = layers.Dense(7)
    stacked = keras.Model(model.inputs, top(model.outputs[0]))
    assert stacked([X]).shape[-1] == 7
    assert top.kernel.shape == (4, 7)
    assert keras.Sequential([model, layers.Dense(7)])(X).shape[-1] == 7
    again = keras.models.clone_model(model)
    assert again.output_shape == shape


READERS = {
    "dense": lambda: layers.Dense(3, name="above"),
    "layer normalization": lambda: layers.LayerNormalization(name="above"),
    "reshape": lambda: layers.Reshape((2, 1), name="above"),
}


@pytest.mark.parametrize("name", READERS)
def test_a_head_that_is_read_by_as_many_classes_does_not_grow(name):
    model = sequential(READERS[name]())
    if name != "dense":
        model.compile("sgd", "mse")
    before, shape = ops.convert_to_numpy(model(X)), model.output_shape
    with pytest.raises(ValueError, match="'above'.*head.*3 classes.*Grow a"):
        ki.expand(model, 1)
    assert model.output_shape == shape and model.layers[1].units == 2
    np.testing.assert_array_equal(model.predict_on_batch(X), before)
    # The fix of the message.
    below = keras.Model(model.inputs, model.layers[1].output)
    ki.expand(below, 1)
    assert layers.Dense(3)(below.outputs[0]).shape == (None, 3)


class Subclassed(keras.Model):
    """A model whose layers are called by a method, so it has no graph."""

    def __init__(self):
        super().__init__()
        self.below, self.head = layers.Dense(5), ExpandableDense(2)

    def call(self, inputs):
        return self.head(self.below(inputs))


def test_a_subclassed_model_grows_and_fits():
    model = Subclassed()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    model.train_on_batch(X, np.arange(3) % 2)
    before = ops.convert_to_numpy(model(X))
    ki.expand(model, 1)
    np.testing.assert_array_equal(ops.convert_to_numpy(model(X))[:, :2], before)
    model.train_on_batch(X, np.arange(3))
    assert model(keras.Input((4,))).shape == (None, 3)


class Normalized(Subclassed):
    """A model with a layer after the head that knows its width."""

    def __init__(self):
        super().__init__()
        self.norm = layers.BatchNormalization()

    def call(self, inputs):
        return self.norm(super().call(inputs))


def inside():
    inputs = keras.Input((4,))
    return keras.Model(inputs, Normalized()(inputs))


@pytest.mark.parametrize("make", [Normalized, inside])
def test_a_subclassed_model_that_reads_its_head_does_not_grow(make):
    model = make()
    before = ops.convert_to_numpy(model(X))
    with pytest.raises(ValueError, match="the head.*3 classes.*Grow a"):
        ki.expand(model, 1)
    np.testing.assert_array_equal(ops.convert_to_numpy(model(X)), before)
