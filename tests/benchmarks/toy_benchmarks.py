"""Data and networks so small that a run takes a second."""

import keras
import numpy as np
import pytest
from benchmarks import datasets
from benchmarks import material
from benchmarks.protocols import Protocol

NAMES = ("a", "b", "c", "d")
PROTOCOL = Protocol(
    data="toy",
    backbone="toy",
    seeds=(1, 2),
    epochs=2,
    batch_size=4,
    budget=6,
)


def read(split, data_dir):
    """Grey pictures, brighter with each class."""
    for index in range(24 if split == "train" else 12):
        label = index % 4
        brightness = 60 * label + index % 3
        yield np.full((4, 4), brightness, "uint8"), label


def flat(input_shape, weights):
    """A network without weights, from pictures to pixels."""
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]
    return keras.Sequential([keras.Input(input_shape), *layers])


def dense(input_shape, weights):
    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, keras.layers.Dense(3, "relu")(x))


def install(monkeypatch):
    monkeypatch.setitem(datasets.READERS, "toy", (read, NAMES, None))
    frozen = material.Backbone(flat, frozen=True)
    monkeypatch.setitem(material.BACKBONES, "toy", frozen)
    trained = material.Backbone(dense)
    monkeypatch.setitem(material.BACKBONES, "toy_dense", trained)


@pytest.fixture
def toys(monkeypatch):
    """Toy data and networks, by the names `toy` and `toy_dense`."""
    install(monkeypatch)
