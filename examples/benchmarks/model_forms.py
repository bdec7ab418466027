"""Small classifiers with the heads and the inputs that users have."""

import keras
import numpy as np
from keras import layers
from keras import ops

from .known_networks import NUM_CLASSES

SENTENCES = ["good film", "bad film", "no film", "what a bad day", "a day"]


def on_maps(*after):
    """A function that makes a classifier of pictures with these last layers."""

    def make():
        inputs = keras.Input((16, 16, 3))
        x = layers.Conv2D(8, 3, strides=2, activation="relu")(inputs)
        return keras.Model(inputs, _through(x, after))

    return make


def on_rows(*after):
    """A function that makes a classifier of rows with these last layers."""

    def make():
        inputs = keras.Input((8,))
        x = layers.Dense(16, activation="relu")(inputs)
        return keras.Model(inputs, _through(x, after))

    return make


def _through(x, after):
    for part in after:
        x = part(x)
    return x


def conv(**options):
    return lambda x: layers.Conv2D(NUM_CLASSES, 1, **options)(x)


def dense(**options):
    return lambda x: layers.Dense(NUM_CLASSES, **options)(x)


def pool(x):
    return layers.GlobalAveragePooling2D()(x)


def pool_kept(x):
    return layers.GlobalAveragePooling2D(keepdims=True)(x)


def flatten(x):
    return layers.Flatten()(x)


def softmax(x):
    return layers.Softmax()(x)


def _einsum(x):
    layer = layers.EinsumDense("ab,bc->ac", NUM_CLASSES, bias_axes="c")
    return layer(x)


def _spectral(x):
    return layers.SpectralNormalization(layers.Dense(NUM_CLASSES))(x)


def _low_rank(x):
    head = layers.Dense(NUM_CLASSES)
    outputs = head(x)
    head.enable_lora(2)
    head.lora_kernel_b.assign(np.ones((2, NUM_CLASSES)))
    return outputs


def _mean(x):
    return layers.Average()([dense()(x), dense()(x)])


def _whole_map(x):
    return layers.Conv2D(NUM_CLASSES, x.shape[1:3])(x)


def _on_sequences(x):
    steps = layers.Reshape((-1, x.shape[-1]))(x)
    scores = layers.Conv1D(NUM_CLASSES, 1)(steps)
    return layers.GlobalAveragePooling1D()(scores)


def _nested(x):
    inputs = keras.Input(x.shape[1:])
    outputs = [layers.Dense(1)(inputs), dense()(inputs)]
    return keras.Model(inputs, outputs)(x)[1]


def _side_by_side(x):
    heads = layers.Dense(1)(x), layers.Dense(NUM_CLASSES - 1)(x)
    return layers.Concatenate()(heads)


def _quantized():
    model = on_rows(dense())()
    model.quantize("int8")
    return model


HEADS = {
    "logits": on_rows(dense()),
    "softmax": on_rows(dense(activation="softmax")),
    "1x1 convolution, then Flatten": on_maps(
        pool_kept, conv(), flatten, softmax
    ),
    "1x1 convolution, then Reshape": on_maps(
        pool_kept, conv(), lambda x: layers.Reshape((NUM_CLASSES,))(x), softmax
    ),
    "1x1 convolution, then average pooling": on_maps(conv(), pool, softmax),
    "1x1 convolution with ReLU, then average pooling": on_maps(
        conv(activation="relu"), pool, softmax
    ),
    "1x1 convolution, then maximum pooling": on_maps(
        conv(), lambda x: layers.GlobalMaxPooling2D()(x)
    ),
    "convolution of the whole map, then Flatten": on_maps(_whole_map, flatten),
    "Conv1D, then average pooling": on_maps(_on_sequences, softmax),
    "of a nested model with several outputs": on_rows(_nested),
    "Dropout after the head": on_rows(
        dense(), lambda x: layers.Dropout(0.1)(x), softmax
    ),
    "ops.softmax": on_rows(dense(), lambda x: ops.softmax(x)),
    "log_softmax": on_rows(dense(activation="log_softmax")),
    "ops.log_softmax": on_rows(dense(), lambda x: ops.log_softmax(x)),
    "temperature by Rescaling": on_rows(
        dense(), lambda x: layers.Rescaling(0.5)(x), softmax
    ),
    "temperature by an operation": on_rows(dense(), lambda x: x / 2.0, softmax),
    "temperature by Lambda": on_rows(
        dense(), lambda x: layers.Lambda(lambda z: z / 2)(x), softmax
    ),
    "EinsumDense": on_rows(_einsum),
    "SpectralNormalization of Dense": on_rows(_spectral),
    "Dense with LoRA": on_rows(_low_rank),
    "Dense, int8": _quantized,
    "BatchNormalization after the head": on_rows(
        dense(), lambda x: layers.BatchNormalization()(x), softmax
    ),
    "two heads side by side": on_rows(_side_by_side),
    "mean of two heads": on_rows(_mean),
    "sum of two heads": on_rows(lambda x: dense()(x) + dense()(x)),
}


def _rows_and_numbers(structure):
    """Makes a classifier of pictures and numbers, in a structure."""

    def make():
        picture = keras.Input((16, 16, 3), name="image")
        numbers = keras.Input((4,), name="metadata")
        x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3)(picture))
        x = layers.Concatenate()([x, layers.Dense(4)(numbers)])
        x = layers.Dense(16, activation="relu")(x)
        return keras.Model(structure(picture, numbers), dense()(x))

    return make


def _feature_space():
    space = keras.utils.FeatureSpace(
        {
            "age": keras.utils.FeatureSpace.float_normalized(),
            "job": keras.utils.FeatureSpace.string_categorical(
                num_oov_indices=1
            ),
        },
        output_mode="concat",
    )
    import tensorflow as tf

    table = {"age": [30.0, 40.0, 50.0], "job": ["a", "b", "a"]}
    space.adapt(tf.data.Dataset.from_tensor_slices(table).batch(3))
    encoded = space.get_encoded_features()
    outputs = dense()(layers.Dense(16, activation="relu")(encoded))
    return keras.Model(space.get_inputs(), outputs)


def _feature_space_encoded():
    space_model = _feature_space()
    encoded = space_model.layers[-2].input
    return keras.Model(
        encoded, dense()(layers.Dense(16, activation="relu")(encoded))
    )


def _strings():
    vectorize = layers.TextVectorization(20, output_sequence_length=6)
    vectorize.adapt(SENTENCES)
    inputs = keras.Input((), dtype="string")
    x = layers.Embedding(20, 8, mask_zero=True)(vectorize(inputs))
    return keras.Model(inputs, dense()(layers.GlobalAveragePooling1D()(x)))


def _masked():
    inputs = keras.Input((None,), dtype="int32")
    x = layers.Embedding(3, 8, mask_zero=True)(inputs)
    return keras.Model(inputs, dense()(layers.LSTM(8)(x)))


def _audio():
    inputs = keras.Input((None, 1))
    x = layers.Conv1D(8, 5, strides=2, activation="relu")(inputs)
    return keras.Model(inputs, dense()(layers.GlobalMaxPooling1D()(x)))


INPUTS = {
    "image and metadata in a list": _rows_and_numbers(lambda a, b: [a, b]),
    "image and metadata in a dict": _rows_and_numbers(
        lambda a, b: {"image": a, "metadata": b}
    ),
    "image and metadata in a tuple in a dict": _rows_and_numbers(
        lambda a, b: {"both": (a, b)}
    ),
    "FeatureSpace, raw": _feature_space,
    "FeatureSpace, encoded": _feature_space_encoded,
    "strings": _strings,
    "tokens, masked, LSTM": _masked,
    "audio of any length": _audio,
}
