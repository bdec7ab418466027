import dataclasses

import keras
import numpy as np
import pytest
from keras import ops
from toy_classifiers import NAMES
from toy_classifiers import learn
from toy_classifiers import samples
from toy_classifiers import trained_model

from keras_incremental import recipes
from keras_incremental.callbacks import BiasCorrection
from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.callbacks import MarginCalibration
from keras_incremental.callbacks import WeightAlignment
from keras_incremental.distillation import DarkReplay
from keras_incremental.distillation import GroupDistillation
from keras_incremental.distillation import PooledOutputs
from keras_incremental.distillation import SoftmaxDistillation
from keras_incremental.layers import NearestClassMean
from keras_incremental.losses import LogitAdjustedCrossentropy
from keras_incremental.memory.policies import Weighted
from keras_incremental.models import IncrementalClassifier
from keras_incremental.recipes.balanced_stage import BalancedStage
from keras_incremental.recipes.recipe import Recipe
from keras_incremental.recipes.recipe import correcting
from keras_incremental.utils.phase import Phase

PHASE = Phase(group_sizes=(2, 1), num_old=2, counts=(5, 5, 5))


def make(recipe):
    clf = IncrementalClassifier(trained_model(), NAMES[:2], recipe=recipe)
    clf.remember(*samples([0, 1]))
    return clf


CORRECTING = {
    "loss": LogitAdjustedCrossentropy(),
    "policy": Weighted(),
    "stage": BalancedStage(),
    "bias_correction": WeightAlignment(),
    "callbacks": (BiasCorrection(),),
}
PAIRS = [(a, b) for a in CORRECTING for b in CORRECTING if a < b]


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_two_corrections_are_refused_with_the_reason(pair):
    parts = {name: CORRECTING[name] for name in pair}
    with pytest.raises(ValueError, match="two favor the old classes"):
        Recipe(**parts)


def test_one_correction_is_not_refused():
    for name, part in CORRECTING.items():
        recipe = Recipe(**{"bias_correction": None, name: part})
        assert len(correcting(recipe)) == 1


def test_a_second_correction_in_learn_is_refused_and_changes_nothing():
    clf = make(recipes.wa(per_class=5))
    before = clf.get_weights()
    with pytest.raises(ValueError, match="WeightAlignment and BiasCorrection"):
        learn(clf, [2], callbacks=[BiasCorrection()])
    assert clf.classes == NAMES[:2]
    assert len(clf.memory) == 10
    for a, b in zip(before, clf.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_recipe_is_varied_by_another_correction():
    recipe = recipes.wa(per_class=5)
    clf = make(dataclasses.replace(recipe, bias_correction=MarginCalibration()))
    report = learn(clf, [2])
    assert "MarginCalibration" in report.used["method"]
    assert "WeightAlignment" not in report.used["method"]


def test_a_correcting_callback_leaves_out_the_automatic_ones():
    alone = IncrementalClassifier(trained_model(), NAMES[:2])
    report = learn(alone, [2], callbacks=[WeightAlignment()])
    assert "MarginCalibration" not in report.used["method"]
    replaying = make(Recipe(memory=ExemplarMemory(10)))
    report = learn(replaying, [2], callbacks=[WeightAlignment()])
    assert "class-balanced" not in report.used["method"]


def test_two_classifiers_of_a_recipe_share_nothing():
    recipe = recipes.icarl(per_class=3)
    recipe = dataclasses.replace(recipe, callbacks=(keras.callbacks.History(),))
    first, second = make(recipe), make(recipe)
    learn(first, [2], epochs=1)
    assert len(recipe.memory) == 0
    assert len(second.memory) == 6
    assert first.readout.units == 3
    assert second.readout.units == 2
    assert recipe.readout.units == 1
    assert first.recipe.callbacks[0] is not second.recipe.callbacks[0]


def test_a_recipe_of_a_head_is_a_prototype():
    recipe = recipes.slda()
    first, second = make(recipe), make(recipe)
    learn(first, [2])
    assert (first.head.units, second.head.units) == (3, 2)
    assert recipe.head.units == 1
    assert not recipe.head.built


def test_an_unknown_choice_is_refused():
    with pytest.raises(ValueError, match="label_weight='much'"):
        Recipe(label_weight="much")


def test_what_reads_exemplars_needs_a_memory():
    with pytest.raises(ValueError, match="reads exemplars"):
        Recipe(readout=NearestClassMean(1))


def test_terms_are_bound_to_the_phase_with_their_factors():
    term = SoftmaxDistillation(weight=3.0, schedule="old_share")
    ((factor, bound),) = Recipe(terms=(term,)).bound_terms(PHASE)
    assert factor == 2.0
    assert bound.phase is PHASE
    assert term.phase is None


@pytest.mark.parametrize(
    ("term", "missing"),
    [
        (GroupDistillation(), "has_teacher"),
        (PooledOutputs(), "is_trainable"),
        (DarkReplay(), "stored"),
    ],
    ids=lambda value: getattr(value, "name", type(value).__name__),
)
def test_a_term_without_what_it_compares_is_left_out(term, missing):
    recipe = Recipe(terms=(term,))
    assert len(recipe.bound_terms(PHASE)) == 1
    assert recipe.bound_terms(PHASE, **{missing: False}) == ()


def test_der_learns_where_nothing_was_remembered():
    clf = IncrementalClassifier(
        trained_model(), NAMES[:2], recipe=recipes.der_pp(beta=0.0, per_class=3)
    )
    assert "DarkReplay" not in learn(clf, [2], epochs=1).used["method"]
    assert "DarkReplay" in learn(clf, [3], epochs=1).used["method"]


def test_stored_logits_stay_those_of_their_phase():
    clf = make(recipes.der_pp(beta=0.0, per_class=3))
    x, _ = clf.memory.arrays()
    logits = clf.predict(x, verbose=0)
    learn(clf, [2], epochs=3)
    learn(clf, [3], epochs=3)
    pictures, labels = clf.memory.arrays()
    stored = clf.memory.stored_logits(4)
    first = [np.flatnonzero((x == p).all(-1))[0] for p in pictures[labels < 2]]
    np.testing.assert_allclose(
        stored[labels < 2, :2], logits[first], rtol=1e-5, atol=1e-5
    )
    assert np.isnan(stored[labels < 2, 2:]).all()
    assert np.isfinite(stored[labels == 2, :3]).all()
    assert np.isnan(stored[labels == 2, 3:]).all()
    now = clf.predict(pictures[labels < 2], verbose=0)[:, :2]
    assert not np.allclose(now, logits[first], atol=1e-3)


def test_a_frozen_backbone_stays_as_it_was():
    model = trained_model()
    model.layers[0].trainable = True
    clf = IncrementalClassifier(model, NAMES[:2], recipe=recipes.frozen())
    before = ops.convert_to_numpy(model.layers[0].kernel).copy()
    report = learn(clf, [2], epochs=1)
    assert report.used["training mode"] == "cached features"
    np.testing.assert_array_equal(
        ops.convert_to_numpy(model.layers[0].kernel), before
    )


@pytest.mark.parametrize("policy", [-1, "weighted", {}])
def test_a_policy_that_mixes_nothing_is_refused(policy):
    with pytest.raises(TypeError, match="`policy` of Recipe must be"):
        Recipe(policy=policy)
