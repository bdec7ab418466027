"""Tiny pictures, and a network that all recipes start from."""

import dataclasses
import functools
import inspect

import keras
import numpy as np
from keras import layers

from keras_incremental import contrib
from keras_incremental import recipes
from keras_incremental.memory import Reservoir
from keras_incremental.models import IncrementalClassifier

SIDE = 6
NAMES = ("rows", "columns", "checks", "dark", "bright", "stripes")
COUNT = 10
# Arguments that keep a recipe cheap, where it has them.
SMALL = {"budget": 12, "expansion": 32, "epochs": 2}


def pictures(classes, count=COUNT, seed=0):
    """Pictures with a pattern for each class, and indices."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(classes, count)
    noise = generator.normal(scale=0.3, size=(len(labels), SIDE, SIDE, 1))
    return (_patterns()[labels] + noise).astype("float32"), labels


def _patterns():
    row, column = np.mgrid[:SIDE, :SIDE]
    patterns = [row, column, row + column, row * 0, row * 0 + 1, row // 2]
    return 2.0 * np.stack([p % 2 for p in patterns])[..., None]


def trained_model(trainable=False, dense=False):
    """A small convolutional classifier of the first two classes.

    Args:
        trainable: Bool. Whether all of it trains on.
        dense: Bool. Whether a `Dense` layer lies below its head.
    """
    model = _model(trainable, dense)
    model.set_weights(_trained_weights(dense))
    return model


@functools.lru_cache
def _trained_weights(dense):
    model = _model(True, dense)
    model.compile(
        keras.optimizers.Adam(0.02),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(*pictures([0, 1]), epochs=40, verbose=0)
    return model.get_weights()


def _model(trainable, dense):
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 1)),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.GlobalAveragePooling2D(),
            *([layers.Dense(4)] if dense else []),
        ]
    )
    model.trainable = trainable
    model.add(layers.Dense(2))
    return model


def make(name, **options):
    """A recipe with a small memory, a short stage, and little to solve."""
    function = getattr(contrib if name in contrib.names() else recipes, name)
    for option, value in SMALL.items():
        if option in inspect.signature(function).parameters:
            options.setdefault(option, value)
    recipe = function(**options)
    if recipe.stage is None:
        return recipe
    stage = dataclasses.replace(recipe.stage, epochs=1)
    return dataclasses.replace(recipe, stage=stage)


def classifier(recipe, trainable=False, remembered=True):
    model = trained_model(trainable, dense=recipe.low_rank is not None)
    result = IncrementalClassifier(model, NAMES[:2], recipe=recipe)
    if remembered:
        result.remember(*pictures([0, 1]))
    return result


def learn(clf, new, **options):
    """Lets a classifier learn classes, with all that a recipe may need."""
    x, y = pictures(new, seed=3)
    options = {"verbose": 0, "epochs": 1, "batch_size": 16, **options}
    if isinstance(clf.memory, Reservoir):
        return clf.observe(x, [NAMES[i] for i in y], [NAMES[i] for i in new])
    if any(isinstance(c, contrib.ExpertTeacher) for c in clf.recipe.callbacks):
        auxiliary = pictures(range(len(clf.classes) + len(new)), 4, seed=5)
        options.setdefault("auxiliary", auxiliary[0])
    names = [NAMES[i] for i in new]
    return clf.learn(x, [NAMES[i] for i in y], names, **options)
