import numpy as np
import pytest
from toy_classifiers import NAMES
from toy_classifiers import samples
from toy_streams import follower
from toy_streams import held
from toy_streams import stream

from keras_incremental import recipes
from keras_incremental.memory import Concatenate
from keras_incremental.memory import Reservoir
from keras_incremental.recipes import Recipe


def test_exemplars_of_phases_cannot_follow_a_stream():
    clf = follower(recipes.er(budget=20), remembered=False)
    with pytest.raises(ValueError, match="Use `learn`.*recipes.er"):
        clf.observe(*stream([2]), verbose=0)
    assert clf.classes == NAMES[:2]


def test_a_recipe_for_streams_cannot_learn_a_phase():
    clf = follower(recipes.er(memory=Reservoir(20)), remembered=False)
    with pytest.raises(ValueError, match="Use `observe`"):
        clf.learn(samples([2])[0], classes=["bird"], verbose=0)
    assert clf.classes == NAMES[:2]


@pytest.mark.parametrize(
    "recipe, part",
    [
        (recipes.lwf(), "terms"),
        (recipes.ewc(), "callbacks"),
        (recipes.frozen(), "freeze_old"),
        (Recipe(initializer="imprinting"), "initializer"),
        (Recipe(policy=Concatenate(), memory=Reservoir(9)), "policy"),
    ],
)
def test_parts_that_need_a_phase_are_named(recipe, part):
    clf = follower(recipe, remembered=False)
    with pytest.raises(ValueError, match=f"begins and ends.*{part}"):
        clf.observe(*stream([2]), verbose=0)


@pytest.mark.parametrize(
    "labels, message",
    [
        (None, "`y` has no labels"),
        ([5] * 10, "`y` contains labels outside"),
        ([" "] * 10, "`classes` must be non-empty"),
    ],
)
def test_labels_that_say_nothing_are_refused(labels, message):
    clf = follower(recipes.slda())
    before = held(clf)
    with pytest.raises(ValueError, match=message):
        clf.observe(samples([2], 10)[0], labels, verbose=0)
    assert held(clf) == before


def test_a_batch_that_does_not_fit_undoes_those_before():
    clf = follower(recipes.slda())
    before = held(clf)
    x, names = stream([2], count=10)
    batches = iter([(x, names), (x[:, :3], names)])
    with pytest.raises(ValueError, match="All samples must have one shape"):
        clf.observe(batches, verbose=0)
    assert held(clf) == before


def test_classes_that_no_one_has_shown_are_named():
    clf = follower(recipes.slda(), remembered=False)
    with pytest.raises(ValueError, match=r"never seen the classes \['cat'\]"):
        clf.observe(*stream([1, 2]), verbose=0)
    assert clf.classes == NAMES[:2]


def test_validation_without_labels_is_refused():
    clf = follower(recipes.slda())
    with pytest.raises(ValueError, match="`validation_data` has no labels"):
        clf.observe(*stream([2]), validation_data=samples([0])[0], verbose=0)


def test_a_gate_needs_validation():
    clf = follower(recipes.slda())
    with pytest.raises(ValueError, match="no validation samples"):
        clf.observe(*stream([2]), max_drop=0.1, verbose=0)


def test_an_empty_stream_is_refused():
    clf = follower(recipes.er(memory=Reservoir(500)), remembered=False)
    with pytest.raises(ValueError, match="`x` is empty"):
        clf.observe(iter(()), verbose=0)
    assert np.all(clf.head.group_sizes == (2,))
