"""Arguments of `ExemplarMemory` mean the same in `learn` as in `mix`."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops
from toy_classifiers import NAMES
from toy_classifiers import classifier
from toy_classifiers import learn
from toy_classifiers import samples
from toy_classifiers import trained_model

from keras_incremental import ExemplarMemory
from keras_incremental import recipes
from keras_incremental.memory.policies import Interleave
from keras_incremental.models import IncrementalClassifier


def kernel_of(memory):
    clf = classifier(memory)
    report = learn(clf, [2], epochs=2)
    return clf.head.columns("kernel"), report


def test_the_share_is_that_of_each_batch():
    usual, _ = kernel_of(ExemplarMemory(20))
    many, report = kernel_of(ExemplarMemory(20, share=0.9))
    few, _ = kernel_of(ExemplarMemory(20, share=0.1))
    assert not np.allclose(many, few) and not np.allclose(many, usual)
    assert "a fixed share of each batch" in report.used["method"]


def test_the_share_is_the_policy_of_a_recipe():
    given = ExemplarMemory(20, share=0.4)
    assert given.mixing_policy == Interleave(0.4)
    by_share, _ = kernel_of(given)
    clf = classifier(ExemplarMemory(20))
    recipe = dataclasses.replace(clf.recipe, policy=Interleave(0.4))
    clf = clf.with_recipe(dataclasses.replace(recipe, memory=None))
    learn(clf, [2], epochs=2)
    np.testing.assert_array_equal(by_share, clf.head.columns("kernel"))


def test_a_share_of_zero_only_collects():
    memory = ExemplarMemory(20, share=0.0)
    clf = classifier(memory)
    report = learn(clf, [2], epochs=1)
    assert report.used["exemplars"] == 0
    assert memory.counts == {0: 7, 1: 7, 2: 6}


def test_a_share_beside_the_policy_of_a_recipe_is_refused():
    with pytest.raises(ValueError, match="share=0.3.*`share`"):
        IncrementalClassifier(
            trained_model(),
            NAMES[:2],
            ExemplarMemory(20, share=0.3),
            dataclasses.replace(recipes.er(), memory=None),
        )


@pytest.mark.parametrize("trainable", [False, True])
def test_replayed_samples_are_augmented_and_new_ones_are_not(trainable):
    seen = []

    def spy(x):
        seen.append(np.array(ops.convert_to_numpy(x)))
        return x

    clf = classifier(ExemplarMemory(20, augmentation=spy))
    clf.features.layers[-1].trainable = trainable
    old = {row.tobytes() for row in clf.memory.arrays()[0]}
    report = learn(clf, [2], epochs=3)
    seen = np.concatenate(seen)
    assert {row.tobytes() for row in seen} == old
    # Keras reads two batches more, to see what they are.
    assert len(seen) >= 3 * 20
    assert report.used["training mode"] == "end to end"


def test_its_own_features_are_those_of_all_samples():
    def first(features, count, seed):
        assert features.shape[1] == 3
        return np.argsort(features[:, 0], kind="stable")[:count]

    memory = ExemplarMemory(
        6, selection=first, features=lambda x: np.asarray(x)[:, :3]
    )
    clf = IncrementalClassifier(trained_model(), NAMES[:2], memory)
    parts = [samples([0, 1], seed=seed) for seed in (1, 2)]
    for part in parts:
        clf.remember(*part)
    x, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    for label in (0, 1):
        kept = memory.arrays()[0][memory.arrays()[1] == label]
        expected = np.sort(x[y == label][:, 0])[:3]
        np.testing.assert_allclose(np.sort(kept[:, 0]), expected, rtol=1e-6)


class Foreign(keras.callbacks.Callback):
    """A callback that has nothing to do with phases."""

    data = required_data = None

    def on_train_begin(self, logs=None):
        assert self.data is None


def test_a_callback_of_others_is_left_alone():
    callback = Foreign()
    learn(classifier(), [2], callbacks=[callback], epochs=1)
    assert callback.data is None
