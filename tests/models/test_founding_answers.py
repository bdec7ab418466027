"""What is usually advised against forgetting, all of it in one `learn`."""

import dataclasses

import keras
import numpy as np
import pytest

from keras_incremental import ExemplarMemory
from keras_incremental.losses import CandidateSetCrossentropy
from keras_incremental.losses import effective_number_weights
from keras_incremental.models import IncrementalClassifier
from keras_incremental.recipes import Recipe

CENTRES = 3 * np.eye(3, 6, dtype="float32")


def clouds(counts, seed=0):
    draw = np.random.default_rng(seed)
    labels = np.repeat(np.arange(3), counts)
    noise = draw.normal(size=(len(labels), 6))
    return (CENTRES[labels] + noise).astype("float32"), labels


def classifier(recipe, **options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.GaussianNoise(0.1),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss)
    model.fit(*clouds([100, 100, 0]), epochs=10, verbose=0)
    memory = ExemplarMemory(20, augmentation=keras.layers.GaussianNoise(0.2))
    recipe = dataclasses.replace(recipe, memory=memory)
    clf = IncrementalClassifier(model, ["cat", "dog"], recipe=recipe, **options)
    clf.remember(*clouds([100, 100, 0]))
    return clf


def test_weights_focus_augmentation_dropout_and_early_stopping_together():
    stop = keras.callbacks.EarlyStopping(
        monitor="val_balanced_accuracy",
        mode="max",
        patience=8,
        restore_best_weights=True,
    )
    weights = effective_number_weights([10, 10, 100], beta=0.99)
    loss = CandidateSetCrossentropy(label_weights=weights, focus=1.0)
    clf = classifier(recipe=Recipe(loss=loss), backbone_learning_rate=0.002)
    x, y = clouds([0, 0, 100], seed=1)
    report = clf.learn(
        x,
        np.full(len(y), "bird"),
        callbacks=[stop],
        optimizer=keras.optimizers.Adam(0.02),
        validation_data=clouds([60, 60, 60], seed=2),
        epochs=80,
        verbose=0,
    )
    watched = report.history["val_balanced_accuracy"]
    assert report.used["epochs"] < 80
    assert report.old_score > 0.85 and report.new_score > 0.85
    kept = (report.old_score + report.new_score) / 2
    assert kept == pytest.approx(max(watched), abs=0.02)
