"""What `learn` does can be written by hand, with public calls alone."""

import dataclasses

import keras
import numpy as np
from toy_classifiers import NAMES
from toy_classifiers import samples

import keras_incremental as ki
from keras_incremental import recipes
from keras_incremental.callbacks import BiasCorrection
from keras_incremental.callbacks import ElasticWeightConsolidation
from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.data import split_held_out
from keras_incremental.data import with_teacher
from keras_incremental.layers import ExpandableDense
from keras_incremental.losses import CandidateSetCrossentropy
from keras_incremental.losses import LossWithTeacher
from keras_incremental.losses import SeparatedSoftmax
from keras_incremental.memory import Interleave
from keras_incremental.memory import MixedBatches

OLD, NEW = samples([0, 1]), samples([2], seed=3)
FIT = {"epochs": 3, "verbose": 0}
RATE = 0.02


def make():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((OLD[0].shape[1],)),
            keras.layers.Dense(16, activation="relu", trainable=False),
            ExpandableDense(2, name="head"),
        ]
    )
    compile_with(model, CandidateSetCrossentropy())
    model.fit(*OLD, **FIT)
    return model


def compile_with(model, loss):
    model.compile(keras.optimizers.SGD(RATE), loss)


def copy_of(model):
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def learned(recipe, *phases):
    """The head of a classifier that learned phases."""
    # By hand, features are not centered.
    recipe = dataclasses.replace(recipe, center_features=False)
    clf = ki.IncrementalClassifier(make(), NAMES[:2], recipe=recipe)
    clf.remember(*OLD)
    for x, y in phases:
        sgd = keras.optimizers.SGD(RATE)
        names = [NAMES[label] for label in np.unique(y)]
        y = y - y.min()
        clf.learn(x, y, names, optimizer=sgd, batch_size=16, **FIT)
    return clf.head


def assert_equal(head, model):
    for name in ("kernel", "bias"):
        np.testing.assert_allclose(
            head.columns(name),
            model.get_layer("head").columns(name),
            rtol=1e-4,
            atol=1e-5,
        )


def expanded(model, loss, units=1):
    ki.expand(model, units, initializer="zeros")
    compile_with(model, loss)


def test_experience_replay():
    model = make()
    memory = ExemplarMemory(20, share=0.5)
    memory.update(*OLD, model=model)
    expanded(model, CandidateSetCrossentropy())
    batches = memory.mix(*NEW, batch_size=16)
    model.fit(batches, callbacks=[memory], shuffle=False, **FIT)
    assert_equal(learned(recipes.er(budget=20), NEW), model)


def test_learning_without_forgetting():
    new = samples([2, 3], seed=3)
    model, teacher = make(), make()
    loss = LossWithTeacher(
        SeparatedSoftmax(num_old=2), num_old=2, weight=10.0, temperature=2.0
    )
    expanded(model, loss, units=2)
    batches = with_teacher(MixedBatches(*new, batch_size=16), teacher)
    model.fit(batches, shuffle=False, **FIT)
    assert_equal(learned(recipes.lwf(), new), model)


def test_elastic_weight_consolidation():
    options = {"strength": 10.0, "clip_percentile": 99.9}
    protection = ElasticWeightConsolidation(**options)
    later = samples([3], seed=4)
    model = make()
    for index, (x, y) in enumerate((NEW, later)):
        expanded(model, CandidateSetCrossentropy())
        protection.data = (x, y)
        batches = MixedBatches(x, y, batch_size=16, seed=index)
        model.fit(batches, callbacks=[protection], shuffle=False, **FIT)
    head = learned(recipes.ewc(strength=10.0), NEW, later)
    assert_equal(head, model)


def test_bias_correction():
    model, teacher = make(), make()
    memory = ExemplarMemory(20)
    memory.update(*OLD, model=model)
    x, y = (np.concatenate(p) for p in zip(NEW, memory.arrays(), strict=True))
    rows, held_out = split_held_out(y, share=0.1)
    num_new = int(np.sum(rows < len(NEW[1])))
    batches = MixedBatches(x[rows], y[rows], Interleave(), num_new, 16)
    loss = LossWithTeacher(
        CandidateSetCrossentropy(), num_old=2, weight=2 / 3, temperature=2.0
    )
    expanded(model, loss)
    model.fit(
        with_teacher(batches, teacher),
        callbacks=[BiasCorrection(data=(x[held_out], y[held_out]))],
        shuffle=False,
        **FIT,
    )
    assert_equal(learned(recipes.bic(budget=20), NEW), model)
