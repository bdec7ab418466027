"""Street scenes of features: each of three things is there or is not."""

import functools

import keras
import numpy as np

from keras_incremental.models import IncrementalClassifier

NAMES = ("car", "bike", "helmet")
WAYS = np.eye(3, 6, dtype="float32") * 4


def streets(count, seed=0, chance=0.4):
    """Pictures, and the truth about each of the three."""
    draw = np.random.default_rng(seed)
    truth = (draw.random((count, 3)) < chance).astype("float32")
    noise = draw.normal(scale=0.5, size=(count, 6))
    return (truth @ WAYS + noise).astype("float32"), truth


OLD = streets(200)
NEW = streets(200, seed=1)
TEST = streets(300, seed=2)


def plain(hidden=None, activation="sigmoid"):
    below = [] if hidden is None else [keras.layers.Dense(hidden, "relu")]
    model = keras.Sequential(
        [keras.Input((6,)), *below, keras.layers.Dense(2, activation)]
    )
    model.compile(
        keras.optimizers.Adam(0.05),
        keras.losses.BinaryCrossentropy(from_logits=activation is None),
    )
    return model


@functools.cache
def trained_weights(hidden):
    keras.utils.set_random_seed(0)
    model = plain(hidden)
    model.fit(OLD[0], OLD[1][:, :2], epochs=15, verbose=0)
    return model.get_weights()


def classifier(hidden=None, activation="sigmoid", **arguments):
    """One that knows cars and bikes, and has never heard of helmets."""
    model = plain(hidden, activation)
    model.set_weights(trained_weights(hidden))
    return IncrementalClassifier(model, NAMES[:2], **arguments)


def only_helmets(truth):
    """What a person writes who looked for helmets alone."""
    return truth[:, 2:]


def scores(clf):
    """F1 of each class on test pictures."""
    return clf.evaluate_classes(TEST[0], TEST[1][:, : len(clf.classes)])
