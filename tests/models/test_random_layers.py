"""Heads that are solved above layers which are random in training."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops
from toy_classifiers import NAMES
from toy_classifiers import samples

from keras_incremental.layers import AnalyticDense
from keras_incremental.models import IncrementalClassifier


def recurrent(middle):
    keras.utils.set_random_seed(1)
    inputs = keras.Input((4, 2))
    x = layers.GRU(16, trainable=False)(inputs) if middle == "gru" else inputs
    if middle != "gru":
        x = layers.Flatten()(x)
        x = layers.Dense(16, activation="relu", trainable=False)(x)
        random = {
            "dropout": lambda: layers.Dropout(0.5),
            "noise": lambda: layers.GaussianNoise(0.5),
        }[middle]
        x = random()(x)
        x = layers.Dense(16, activation="relu", trainable=False)(x)
    return keras.Model(inputs, layers.Dense(2)(x))


def shown(classes, seed):
    x, y = samples(classes, 40, seed)
    return x.reshape(-1, 4, 2), y


def test_training_that_could_not_replay_is_refused():
    clf = IncrementalClassifier(recurrent("dropout"), NAMES[:2])
    clf.remember(*shown([0, 1], 0))
    x, _ = shown([2], 3)
    with pytest.raises(ValueError, match="random layers.*epochs=2.*`old_data`"):
        clf.learn(x, classes=["bird"], verbose=0, epochs=2)
    assert clf.classes == NAMES[:2]
    old = shown([0, 1], 0)
    report = clf.learn(x, classes=["bird"], verbose=0, epochs=2, old_data=old)
    assert report.used["epochs"] == 2


@pytest.mark.backend
@pytest.mark.parametrize("middle", ["gru", "dropout", "noise"])
def test_statistics_are_used_above_random_layers(middle):
    clf = IncrementalClassifier(recurrent(middle), NAMES[:2])
    old, new = shown([0, 1], 0), shown([2], 3)
    clf.remember(*old)
    report = clf.learn(new[0], classes=["bird"], verbose=0)
    assert "head solved from" in report.used["method"]
    joint = AnalyticDense(3)
    for x, y in (old, new):
        joint.adapt(clf.features.predict(x, verbose=0), y)
    x, y = shown([0, 1, 2], 5)
    scores = joint(clf.features.predict(x, verbose=0))
    best = np.mean(ops.convert_to_numpy(scores).argmax(-1) == y)
    assert best > 0.7
    learned = clf.predict(x, verbose=0).argmax(-1)
    assert np.mean(learned == y) > best - 0.02
