import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental.utils import graph

PICTURES = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")


def array(value):
    return np.array(ops.convert_to_numpy(value))


def chain():
    """Like VGG: convolutions and pooling, one after the other."""
    inputs = keras.Input((8, 8, 3))
    x = inputs
    for block in range(2):
        x = keras.layers.Conv2D(4, 3, padding="same", name=f"conv{block}")(x)
        x = keras.layers.MaxPooling2D(name=f"pool{block}")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(2, name="head")(x))


def residual():
    """Two residual blocks; only the sums are bottlenecks."""
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", name="stem")(inputs)
    for block in range(2):
        y = keras.layers.Conv2D(4, 3, padding="same", name=f"conv{block}")(x)
        y = keras.layers.BatchNormalization(name=f"norm{block}")(y)
        x = keras.layers.Add(name=f"sum{block}")([x, y])
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(2, name="head")(x))


def freeze(model, *names):
    for name in names:
        model.get_layer(name).trainable = False
    return model


def cut(model):
    frozen, rest = graph.split_frozen(model)
    if frozen is not None and rest is not None:
        np.testing.assert_allclose(
            array(rest(frozen(PICTURES))), array(model(PICTURES)), atol=1e-6
        )
        assert not frozen.trainable_variables
    return frozen, rest


def test_a_model_that_trains_from_the_start_is_all_rest():
    model = chain()
    assert cut(model) == (None, model)


def test_a_frozen_model_is_all_frozen():
    model = chain()
    model.trainable = False
    assert cut(model) == (model, None)


def test_a_partially_frozen_chain_is_cut_above_its_last_frozen_layer():
    frozen, rest = cut(freeze(chain(), "conv0"))
    assert frozen.layers[-1].name == "pool0"
    assert rest.get_layer("conv1").trainable


def test_a_frozen_layer_above_a_trainable_one_is_not_cut_off():
    model = freeze(chain(), "conv1")
    assert cut(model) == (None, model)


def test_a_chain_with_a_trainable_head_alone_is_cut_below_it():
    frozen, rest = cut(freeze(chain(), "conv0", "conv1"))
    assert frozen.output_shape == (None, 4)
    assert [layer.name for layer in rest.layers[1:]] == ["head"]


def test_a_residual_model_is_cut_at_a_bottleneck():
    model = freeze(residual(), "stem", "conv0", "norm0", "conv1")
    frozen, _ = cut(model)
    assert frozen.layers[-1].name == "sum0"


def test_a_trainable_batch_norm_moves_with_the_data():
    model = freeze(residual(), "stem", "conv0")
    frozen, _ = cut(model)
    assert frozen.layers[-1].name == "stem"


def test_a_random_layer_stays_in_the_rest():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, trainable=False, name="conv")(inputs)
    x = keras.layers.Dropout(0.5)(x)
    x = keras.layers.Flatten()(x)
    model = keras.Model(inputs, keras.layers.Dense(2)(x))
    frozen, rest = cut(model)
    assert frozen.layers[-1].name == "conv"
    assert graph.is_random(rest)
    assert not graph.is_random(frozen)


def test_augmentation_at_the_start_leaves_nothing_frozen():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.RandomFlip(),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    assert cut(model) == (None, model)


def test_a_frozen_nested_backbone_is_cut_off():
    backbone = chain()
    backbone.trainable = False
    inputs = keras.Input((8, 8, 3))
    x = backbone(keras.layers.Rescaling(0.5)(inputs))
    frozen, rest = cut(keras.Model(inputs, keras.layers.Dense(3)(x)))
    assert frozen.layers[-1] is backbone
    assert rest.output_shape == (None, 3)


def test_a_first_layer_of_a_sequential_can_be_cut_off():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3, trainable=False, name="conv"),
            keras.layers.Conv2D(4, 3),
            keras.layers.Flatten(),
        ]
    )
    frozen, _ = cut(model)
    assert frozen.layers[-1].name == "conv"


def test_a_batch_norm_without_weights_to_train_still_moves():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Rescaling(0.5, name="scale")(inputs)
    norm = keras.layers.BatchNormalization(center=False, scale=False)
    model = keras.Model(inputs, keras.layers.Flatten()(norm(x)))
    frozen, _ = cut(model)
    assert frozen.layers[-1].name == "scale"
    norm.trainable = False
    assert cut(model) == (model, None)


def test_batch_norms_are_found_at_any_depth():
    inner = residual()
    inputs = keras.Input((8, 8, 3))
    outer = keras.layers.BatchNormalization()
    model = keras.Model(inputs, inner(outer(inputs)))
    found = graph.batch_norms(model)
    assert len(found) == 3
    assert outer in found


class Noise(keras.layers.Layer):
    """Draws without a `SeedGenerator`, in training alone."""

    def call(self, inputs, training=None):
        if not training:
            return inputs
        return inputs + keras.random.normal(ops.shape(inputs))


class Doubled(keras.layers.Layer):
    def call(self, inputs):
        return 2 * inputs


def with_layer(layer):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(3, name="below"),
            layer,
            keras.layers.Dense(3, name="above"),
        ]
    )
    model.trainable = False
    return model


def test_an_augmentation_of_ones_own_runs_in_training():
    model = with_layer(Noise())
    frozen, upper = graph.split_frozen(model)
    assert [x.name for x in frozen.layers[1:]] == ["below"]
    x = np.ones((2, 4), "float32")
    seen = upper(frozen(x), training=True)
    assert not np.allclose(array(seen), array(model(x)))


def test_an_augmentation_inside_another_layer_runs_in_training():
    frozen, _ = graph.split_frozen(with_layer(keras.Sequential([Noise()])))
    assert [x.name for x in frozen.layers[1:]] == ["below"]


def test_a_layer_that_does_not_ask_for_training_is_cached():
    _, upper = graph.split_frozen(with_layer(Doubled()))
    assert upper is None


TOKENS = np.array([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0]])


MASKED = 0.25


class FirstTwo(keras.layers.Layer):
    """Masks all but the first two steps."""

    supports_masking = True

    def call(self, inputs):
        return inputs

    def compute_mask(self, inputs, previous_mask=None):
        return ops.logical_or(inputs[..., 0] > 1e9, ops.arange(5) < 2)


def embedding(masks=True):
    """Token ids to vectors, with a mask where they are 0."""
    inputs = keras.Input((5,), dtype="int32")
    x = keras.layers.Embedding(9, 4, mask_zero=masks)(inputs)
    model = keras.Model(inputs, x, name="embedding")
    model.trainable = False
    return model


def nested_lstm():
    inputs = keras.Input((5,), dtype="int32")
    x = keras.layers.LSTM(4, return_sequences=True)(embedding()(inputs))
    model = keras.Model(inputs, x)
    model.trainable = False
    return model


ABOVE_A_MASK = {
    "lstm": lambda: [embedding(), keras.layers.LSTM(3)],
    "lstm of lstm": lambda: [nested_lstm(), keras.layers.LSTM(3)],
    "bidirectional": lambda: [
        embedding(),
        keras.layers.Bidirectional(keras.layers.LSTM(3)),
    ],
    "mean": lambda: [
        embedding(),
        keras.layers.Dense(3),
        keras.layers.GlobalAveragePooling1D(),
    ],
    "dense below": lambda: [
        embedding(),
        keras.layers.Dense(3, trainable=False),
        keras.layers.LSTM(3),
    ],
    "masking": lambda: [
        embedding(masks=False),
        keras.Sequential([keras.Input((5, 4)), keras.layers.Masking(MASKED)]),
        keras.layers.LSTM(3),
    ],
    "own mask": lambda: [
        embedding(masks=False),
        keras.Sequential([keras.Input((5, 4)), FirstTwo()]),
        keras.layers.LSTM(3),
    ],
    "no model inside": lambda: [
        keras.layers.Embedding(9, 4, mask_zero=True, trainable=False),
        keras.layers.LSTM(3),
    ],
    "mask is used": lambda: [
        embedding(),
        keras.layers.GlobalAveragePooling1D(),
        keras.layers.Dense(3),
    ],
}


# What is cached of them has no mask: it was used, or is made above.
IS_CACHED = ("mask is used", "masking", "own mask")


@pytest.mark.parametrize("name", ABOVE_A_MASK)
def test_what_is_above_the_split_sees_the_mask(name):
    keras.utils.set_random_seed(0)
    made = ABOVE_A_MASK[name]()
    model = keras.Sequential([keras.Input((5,), dtype="int32"), *made])
    frozen, upper = graph.split_frozen(model)
    assert (frozen is not None) == (name in IS_CACHED)
    cached = TOKENS if frozen is None else array(frozen(TOKENS))
    np.testing.assert_allclose(
        array(upper(cached)), array(model(TOKENS)), atol=1e-6
    )
