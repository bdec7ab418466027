import dataclasses
import functools

import numpy as np
import pytest
import toy_clouds as toy
from keras import ops

from keras_incremental import recipes
from keras_incremental.callbacks import BiasCorrection
from keras_incremental.callbacks import WeightAlignment
from keras_incremental.losses import LogitAdjustedCrossentropy
from keras_incremental.recipes.balanced_stage import BalancedStage
from keras_incremental.recipes.recipe import correcting

# Fine-tuning with exemplars.
FT_E = {"per_class": 3, "mixing": "concatenate"}

ONE_BY_ONE = tuple((k,) for k in range(2, toy.CLASSES))


@functools.cache
def accuracy(name, trainable=False, phases=toy.PHASES, **options):
    recipe = recipes.get(name, **options)
    return toy.accuracy(toy.trained(recipe, trainable, phases=phases))


def test_replay_beats_fine_tuning():
    assert accuracy("er", per_class=3) > accuracy("fine_tuning") + 0.1
    assert accuracy("er", **FT_E) > accuracy("fine_tuning") + 0.1


CORRECTIONS = {
    "bic": {"bias_correction": BiasCorrection()},
    "wa": {"bias_correction": WeightAlignment()},
    "balanced softmax": {"loss": LogitAdjustedCrossentropy()},
    "balanced stage": {"stage": BalancedStage()},
}


@pytest.mark.parametrize("name", CORRECTIONS)
def test_a_correction_beats_replay_alone_where_memory_is_small(name):
    assert corrected(name) > corrected(None) + 0.01


@functools.cache
def corrected(name):
    """Accuracy with 25 new samples for each exemplar, in one phase."""
    recipe = dataclasses.replace(
        recipes.er(per_class=6, mixing="concatenate"),
        **CORRECTIONS.get(name, {}),
    )
    assert bool(correcting(recipe)) == (name is not None)
    clf = toy.trained(recipe, phases=((2, 3, 4, 5),), count=150)
    return toy.accuracy(clf)


@pytest.mark.parametrize("trainable", [False, True])
def test_distillation_beats_fine_tuning(trainable):
    distilled = accuracy("lwf", trainable)
    assert distilled > accuracy("fine_tuning", trainable) + 0.05


def test_distillation_learns_classes_that_come_one_by_one():
    distilled = accuracy("lwf", phases=ONE_BY_ONE)
    assert distilled > accuracy("fine_tuning", phases=ONE_BY_ONE) + 0.1


def test_nothing_beats_all_pictures_by_far():
    best = accuracy("joint")
    assert best > 0.75
    for name, options in (
        ("fine_tuning", {}),
        ("lwf", {}),
        ("er", FT_E),
        ("er", {"per_class": 3}),
        ("bic", {"per_class": 3}),
        ("balanced_softmax", {"per_class": 3}),
    ):
        assert accuracy(name, **options) < best + 0.02, name


def solved(recipe, phases):
    return toy.trained(recipe, phases=phases, count=40)


@pytest.mark.parametrize("name", ["ridge", "ncm", "slda", "ranpac"])
def test_a_solved_head_is_the_same_whatever_the_order(name):
    how = {"expansion": 64} if name == "ranpac" else {}
    if name in ("ridge", "ranpac"):
        how["strength"] = 1.0
    x, _ = toy.clouds(range(toy.CLASSES), 5, seed=9)
    one = solved(recipes.get(name, **how), ([2, 3], [4, 5]))
    # Column k of the second is class `order[k]`.
    order = [0, 1, 4, 5, 2, 3]
    two = solved(recipes.get(name, **how), ([4, 5], [2, 3]))
    np.testing.assert_allclose(
        one.predict(x, verbose=0)[:, order],
        two.predict(x, verbose=0),
        rtol=1e-4,
        atol=1e-5,
    )


def test_ridge_is_the_solution_on_all_data_at_once():
    clf = solved(recipes.ridge(strength=0.1), ([2, 3], [4, 5]))
    parts = [toy.clouds([0, 1], 40)]
    parts += [toy.clouds(new, 40, seed=new[0]) for new in toy.PHASES]
    pictures, labels = (np.concatenate(p) for p in zip(*parts, strict=True))
    features = clf.features.predict(pictures, verbose=0).astype("float64")
    expected = joint_ridge(features, np.eye(toy.CLASSES)[labels], 0.1)
    kernel = clf.head.columns("kernel") / clf.head.scale
    np.testing.assert_allclose(kernel, expected, atol=1e-6)


def joint_ridge(features, targets, strength):
    """Ridge regression, its strength a part of the mean eigenvalue."""
    features = features - features.mean(0)
    gram = features.T @ features
    ridge = strength * np.trace(gram) / len(gram) * np.eye(len(gram))
    return np.linalg.solve(gram + ridge, features.T @ targets)


def test_forgetting_what_was_adapted_brings_the_head_back():
    clf = solved(recipes.ridge(strength=0.1), ([2, 3], [4, 5]))
    features = clf.features.predict(toy.clouds([1, 4], 9)[0], verbose=0)
    labels = toy.clouds([1, 4], 9)[1]
    before = clf.head.columns("kernel")
    clf.head.adapt(features, labels)
    assert not np.allclose(clf.head.columns("kernel"), before, atol=1e-4)
    clf.head.forget(features, labels)
    np.testing.assert_allclose(clf.head.columns("kernel"), before, atol=1e-5)


def test_the_readout_of_icarl_is_the_nearest_mean_of_exemplars():
    clf = toy.trained(recipes.icarl(per_class=5), phases=([2, 3],), count=30)
    pictures, labels = clf.memory.arrays()
    kept = unit(clf.features.predict(pictures, verbose=0))
    means = unit(np.stack([kept[labels == k].mean(0) for k in range(4)]))
    x, _ = toy.clouds(range(4), 10, seed=9)
    features = unit(clf.features.predict(x, verbose=0))
    distances = ((features[:, None] - means) ** 2).sum(-1)
    found = clf.predict(x, verbose=0).argmax(-1)
    np.testing.assert_array_equal(found, distances.argmin(-1))
    logits = ops.convert_to_numpy(clf.head(clf.features(x)))
    assert np.any(found != logits.argmax(-1))


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)
