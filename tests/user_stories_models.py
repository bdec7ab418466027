"""Small pictures and models as users have them, and their next process."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

import keras_incremental as ki

ROOT = pathlib.Path(ki.__file__).parent.parent
DIGITS = tuple(str(digit) for digit in range(10))
ANIMALS = ("cat", "dog", "bird")


def run(code, *arguments):
    """Runs code in a process of its own, on the backend of this one."""
    backend = keras.config.backend()
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": backend},
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def digits(classes, part=0):
    """Pictures of 64 pixels of handwritten digits, every second of them."""
    x, y = load_digits(return_X_y=True)
    x, y = x[part::2].astype("float32") / 16, y[part::2]
    chosen = np.isin(y, list(classes))
    return x[chosen], y[chosen]


def digit_model(classes):
    """The multilayer perceptron of the thread, trained."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(128, activation="relu"),
            layers.Dense(len(classes)),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    model.fit(*digits(classes), epochs=10, verbose=0)
    return model


def animals(classes, count=16, seed=0):
    """Noisy pictures of one colour for each animal, and their labels."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(classes, count)
    pictures = generator.integers(0, 120, (len(labels), 12, 12, 3))
    pictures[np.arange(len(labels)), ..., labels] += 120
    return pictures.astype("uint8"), labels


def animal_model():
    """A model as the guide to transfer learning builds it."""
    keras.utils.set_random_seed(0)
    base = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Conv2D(8, 3, strides=2),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(8, 3),
            layers.BatchNormalization(),
            layers.ReLU(),
        ],
        name="base",
    )
    inputs = keras.Input((12, 12, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    x = base(x, training=False)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(1)(x))
