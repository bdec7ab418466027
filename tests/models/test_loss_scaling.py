"""`LossScaleOptimizer` scales the loss, whatever else wraps the optimizer."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_incremental import callbacks
from keras_incremental.models import IncrementalClassifier
from keras_incremental.optimizers import LearningRateMultiplier
from keras_incremental.optimizers import PathIntegral
from keras_incremental.optimizers import RiemannianPathIntegral
from keras_incremental.recipes import BalancedStage
from keras_incremental.recipes import Recipe

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
NAMES = ["cat", "dog", "bird"]


def scaled(initial_scale=8.0):
    return keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.05), initial_scale=initial_scale
    )


def weights_after(optimizer, trainable=True, recipe=None, given=()):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(5, trainable=trainable),
            layers.Dense(2),
        ]
    )
    clf = IncrementalClassifier(
        model, NAMES[:2], recipe=recipe, backbone_learning_rate=0.01
    )
    labels = np.array(NAMES)[np.arange(12) % 3]
    clf.learn(
        X,
        labels,
        NAMES,
        epochs=2,
        optimizer=optimizer,
        callbacks=given,
        verbose=0,
    )
    return clf.get_weights()


@pytest.mark.parametrize("trainable", [True, False])
@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"given": [callbacks.SynapticIntelligence(0.0)]},
        {"recipe": Recipe(stage=BalancedStage(epochs=1))},
    ],
    ids=["alone", "path integral", "balanced stage"],
)
def test_scaling_the_loss_changes_no_step(parts, trainable):
    plain = weights_after(keras.optimizers.SGD(0.05), trainable, **parts)
    found = weights_after(scaled(), trainable, **parts)
    for a, b in zip(plain, found, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda x: LearningRateMultiplier(x, {"head": 0.5}),
        PathIntegral,
        RiemannianPathIntegral,
    ],
)
def test_a_wrapper_around_loss_scaling_is_refused(wrap):
    message = r"outermost.*optimizer=LossScaleOptimizer.*LossScaleOptimizer\("
    with pytest.raises(ValueError, match=message):
        wrap(scaled())
