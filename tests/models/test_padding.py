"""The number by which sequences can be padded, or none."""

import warnings

import keras
import pytest
from keras import layers
from keras import ops

from keras_incremental.conversion.padding import masked_value


class Blind(layers.Layer):
    """Says that it uses masks, and does not."""

    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def call(self, x):
        return ops.mean(x, 1)

    def compute_mask(self, inputs, mask=None):
        return None


class Summed(Blind):
    """Uses the mask."""

    def call(self, x, mask=None):
        return ops.sum(x * ops.cast(mask, x.dtype)[..., None], 1)


def tokens():
    return keras.Input((None,), dtype="int32")


def frames():
    return keras.Input((None, 4))


def embedding(mask_zero=True):
    return layers.Embedding(9, 4, mask_zero=mask_zero)


def stack(inputs, *parts):
    x = inputs
    for part in parts:
        x = part(x)
    return keras.Model(inputs, x)


def attention():
    inputs = tokens()
    x = embedding()(inputs)
    x = layers.Add()([x, layers.MultiHeadAttention(2, 2)(x, x)])
    x = layers.LayerNormalization()(x)
    return keras.Model(inputs, layers.GlobalAveragePooling1D()(x))


def two_branches():
    inputs = tokens()
    x = [
        layers.GlobalAveragePooling1D()(
            layers.Dropout(0.5)(embedding()(inputs))
        )
        for _ in range(2)
    ]
    return keras.Model(inputs, layers.Concatenate()(x))


MEAN = layers.GlobalAveragePooling1D
EXACT = {
    "LSTM": (lambda: stack(tokens(), embedding(), layers.LSTM(3)), 0),
    "both directions": (
        lambda: stack(
            frames(), layers.Masking(-1), layers.Bidirectional(layers.GRU(2))
        ),
        -1,
    ),
    "tokens as floats": (
        lambda: stack(keras.Input((None,)), embedding(), MEAN()),
        0,
    ),
    "attention": (attention, 0),
    "two branches": (two_branches, 0),
    "a layer of one's own": (lambda: stack(tokens(), embedding(), Summed()), 0),
}
NONE = {
    "no mask": lambda: stack(tokens(), embedding(False), MEAN()),
    "largest values": lambda: stack(
        tokens(), embedding(), layers.GlobalMaxPooling1D()
    ),
    "an operation": lambda: stack(
        tokens(), embedding(), lambda x: ops.mean(x, 1)
    ),
    "a convolution": lambda: stack(
        frames(), layers.Masking(), layers.Conv1D(3, 3), MEAN()
    ),
    "a mask that is not used": lambda: stack(tokens(), embedding(), Blind()),
    "a norm over all steps": lambda: stack(
        frames(), layers.Masking(), layers.GroupNormalization(2), MEAN()
    ),
    "a layer below the mask": lambda: stack(
        frames(), layers.Dense(4), layers.Masking(), MEAN()
    ),
    "a penalty of all steps": lambda: stack(
        frames(),
        layers.Masking(),
        layers.Dense(2, activity_regularizer="l2"),
        MEAN(),
    ),
    "a fixed length": lambda: stack(keras.Input((5,)), embedding(), MEAN()),
    "pictures": lambda: stack(
        keras.Input((None, None, 3)), layers.GlobalAveragePooling2D()
    ),
}


@pytest.mark.parametrize("make, value", EXACT.values(), ids=EXACT)
def test_what_masks_leave_out_may_be_padded(make, value):
    assert masked_value(make()) == value


@pytest.mark.parametrize("make", NONE.values(), ids=NONE)
def test_what_padding_would_change_is_not_padded(make):
    with warnings.catch_warnings():
        # Keras says that the mask ends there.
        warnings.filterwarnings("ignore", message=".*does not support masking")
        assert masked_value(make()) is None
