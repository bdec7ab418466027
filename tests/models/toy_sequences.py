"""Samples of varying length and size, and classifiers that read them."""

import keras
import numpy as np
from keras import layers
from keras import ops

from keras_incremental import ExemplarMemory
from keras_incremental.models import IncrementalClassifier

NAMES = np.array(["a", "b", "c"])
Y = np.arange(24) % 3
OLD = Y < 2


def tokens(seed=0, count=24):
    """Tokens of each class, without 0."""
    draw = np.random.default_rng(seed)
    lengths = draw.choice([4, 8], count)
    return [draw.integers(1, 9, n) + 9 * (k % 3) for k, n in enumerate(lengths)]


def sounds(seed=0, count=24):
    draw = np.random.default_rng(seed)
    lengths = draw.choice([4, 5, 8], count)
    return [
        draw.normal(k % 3, 0.3, (n, 2)).astype("float32")
        for k, n in enumerate(lengths)
    ]


def pictures(seed=0, count=24):
    draw = np.random.default_rng(seed)
    sizes = draw.choice([3, 5], (count, 2))
    return [
        draw.integers(60 * (k % 3), 60 * (k % 3) + 60, (*size, 3))
        for k, size in enumerate(sizes)
    ]


def network(kind, masked=True):
    keras.utils.set_random_seed(0)
    if kind is tokens:
        inputs = keras.Input((None,), dtype="int32")
        x = layers.Embedding(28, 6, mask_zero=masked)(inputs)
        x = layers.GlobalAveragePooling1D()(layers.Dense(6, "relu")(x))
    elif kind is sounds:
        inputs = keras.Input((None, 2))
        x = layers.Conv1D(6, 3, activation="relu")(inputs)
        x = layers.GlobalMaxPooling1D()(x)
    else:
        inputs = keras.Input((None, None, 3))
        x = layers.Conv2D(6, 2, activation="relu")(inputs)
        x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(2)(x))


def make(kind=tokens, frozen=True, masked=True, memory=None, **options):
    model = network(kind, masked)
    if frozen:
        for layer in model.layers[:-1]:
            layer.trainable = False
    if memory is None and "recipe" not in options:
        memory = ExemplarMemory(6)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    return IncrementalClassifier(model, ["a", "b"], memory=memory, **options)


def of(x, rows):
    return [sample for sample, is_in in zip(x, rows, strict=True) if is_in]


class Batches(keras.utils.PyDataset):
    """Batches of one sample each."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return self.x[index][None], self.y[index : index + 1]


def features(kind, x):
    """What the layers below the head give for each sample by itself."""
    model = network(kind)
    below = keras.Model(model.input, model.layers[-2].output)
    return np.concatenate([ops.convert_to_numpy(below(s[None])) for s in x])


def on_features(kind):
    """A classifier of these features, with the head of the network."""
    model = keras.Sequential([keras.Input((6,)), layers.Dense(2)])
    model.set_weights(network(kind).layers[-1].get_weights())
    return IncrementalClassifier(
        model, ["a", "b"], memory=ExemplarMemory(6), seed=0
    )


def taught(clf, x, read=lambda x: x):
    """Lets a classifier learn, given samples by a function."""
    clf.remember(read(of(x, OLD)), NAMES[Y[OLD]])
    report = clf.learn(read(of(x, ~OLD)), classes=["c"], verbose=0)
    assert report.used["method"].startswith("head solved")
    return clf


def padded(x, length=None):
    return keras.utils.pad_sequences(x, length, padding="post")
