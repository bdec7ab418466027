"""Clouds of "car" and "truck", with "police car" a part of the cars."""

import functools

import keras
import numpy as np

from keras_incremental import ExemplarMemory
from keras_incremental.models import IncrementalClassifier

CAR, TRUCK, POLICE = range(3)
CENTRES = np.array([[3, 0, 0, 0], [0, 3, 0, 0], [3, 0, 3, 0]], "float32")


def seen(label, count, seed=0):
    """Pictures of one class."""
    draw = np.random.default_rng([seed, label])
    noise = draw.normal(scale=0.7, size=(count, 4))
    return (CENTRES[label] + noise).astype("float32")


def mixed(counts, seed=0):
    """Pictures and true classes, so many of each."""
    x = [seen(label, count, seed) for label, count in counts.items()]
    return np.concatenate(x), np.repeat(list(counts), list(counts.values()))


# A part of the old cars are police cars, and nobody said so.
OLD = mixed({CAR: 140, POLICE: 60, TRUCK: 200})
OLD_LABELS = np.where(OLD[1] == POLICE, CAR, OLD[1])
TEST = mixed({CAR: 100, TRUCK: 100, POLICE: 100}, seed=9)


@functools.cache
def trained_weights():
    keras.utils.set_random_seed(0)
    model = plain()
    model.compile(
        keras.optimizers.Adam(0.05),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(OLD[0], OLD_LABELS, epochs=15, verbose=0)
    return model.get_weights()


def plain():
    # On all backends the same start.
    head = keras.layers.Dense(2, kernel_initializer="zeros")
    return keras.Sequential([keras.Input((4,)), head])


def classifier(memory=400):
    """One that knows cars and trucks, with exemplars if there is memory."""
    model = plain()
    model.set_weights(trained_weights())
    memory = memory and ExemplarMemory(memory)
    clf = IncrementalClassifier(model, ["car", "truck"], memory=memory)
    if memory:
        clf.remember(OLD[0], OLD_LABELS)
    return clf


def accuracies(clf):
    """Dict of class names, the accuracy of each on test pictures."""
    names = np.array(["car", "truck", "police car"])[TEST[1]]
    return clf.evaluate_classes(TEST[0], names)
