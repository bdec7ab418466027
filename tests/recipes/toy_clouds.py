"""Clouds on a frozen random backbone, and how well recipes tell them apart."""

import functools

import keras
import numpy as np
from keras import layers

from keras_incremental.models import IncrementalClassifier

DIM, CLASSES = 12, 6
PHASES = ((2, 3), (4, 5))


def clouds(classes, count, seed=0):
    """Gaussian clouds, one around a corner for each class, and indices."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(classes, count)
    centers = 2.5 * np.eye(CLASSES, DIM) + 1
    noise = generator.normal(size=(len(labels), DIM))
    return (centers[labels] + noise).astype("float32"), labels


@functools.lru_cache
def trained_model(trainable=False):
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((DIM,)),
            layers.Dense(32, activation="relu", trainable=trainable),
            layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    model.fit(*clouds([0, 1], 100), epochs=10, verbose=0)
    return model


def copy_of(model):
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def trained(recipe, trainable=False, phases=PHASES, count=60, **options):
    """A classifier that learned all phases by a recipe."""
    model = copy_of(trained_model(trainable))
    clf = IncrementalClassifier(
        model,
        list("01"),
        recipe=recipe,
        backbone_learning_rate=1e-3 if trainable else None,
    )
    clf.remember(*clouds([0, 1], count))
    options = {"epochs": 10, "verbose": 0, **options}
    for new in phases:
        x, y = clouds(new, count, seed=new[0])
        clf.learn(x, y - new[0], [str(i) for i in new], **options)
    return clf


def accuracy(clf):
    """Balanced accuracy: each class has as many pictures."""
    x, y = clouds(range(CLASSES), 50, seed=99)
    return float(np.mean(clf.predict(x, verbose=0).argmax(-1) == y))
