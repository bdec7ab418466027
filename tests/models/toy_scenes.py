"""Scenes of coloured squares, which a network of one layer tells apart."""

import functools

import keras
import numpy as np
from declarations import with_partial_labels

from keras_incremental.models import IncrementalClassifier

NAMES = ("background", "red", "green", "blue")
BLUE, INVALID = 3, 255


def scenes(classes, count, seed=0):
    """Pictures `(count, 8, 8, 3)` and exact maps: two squares in each."""
    draw = np.random.default_rng(seed)
    x = draw.normal(scale=0.15, size=(count, 8, 8, 3))
    y = np.zeros((count, 8, 8), int)
    for picture, labels in zip(x, y, strict=True):
        for column in (0, 4):
            label, row = draw.choice(classes), draw.integers(0, 5)
            place = slice(row, row + 4), slice(column, column + 4)
            picture[place][..., label - 1] += 1
            labels[place] = label
    return x.astype("float32"), y


def classifier(names=NAMES[:3], enlarged=False, **options):
    """A network of pixels that has been trained on red and green."""
    model = _model(len(names), enlarged)
    model.set_weights(_trained_weights(len(names), enlarged))
    keras.utils.set_random_seed(0)
    options = {"backbone_learning_rate": 0.01, **options}
    return IncrementalClassifier(model, names, **options)


@functools.cache
def _trained_weights(units, enlarged):
    model = _model(units, enlarged)
    model.fit(*scenes([1, 2], 64), epochs=15, verbose=0)
    return model.get_weights()


def _model(units, enlarged):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(8, 1, activation="relu")(inputs)
    if enlarged:
        x = keras.layers.AveragePooling2D()(x)
    x = keras.layers.Conv2D(units, 1)(x)
    if enlarged:
        x = keras.layers.UpSampling2D(interpolation="bilinear")(x)
    model = keras.Model(inputs, x)
    model.compile(
        keras.optimizers.Adam(0.05),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def only_blue(y):
    """Maps where only blue is labeled, under the index 0."""
    return np.where(y == BLUE, 0, INVALID)


def learn(clf, x, y, **arguments):
    options = {
        "epochs": 15,
        "optimizer": keras.optimizers.Adam(0.05),
        "verbose": 0,
        "parents": {"blue": None},
        **arguments,
    }
    return clf.learn(x, y, ["blue"], **with_partial_labels(options))
