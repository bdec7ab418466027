import dataclasses

import pytest
from toy_classifiers import NAMES
from toy_classifiers import samples
from toy_classifiers import trained_model

from keras_incremental import ExemplarMemory
from keras_incremental import recipes
from keras_incremental.callbacks import MarginCalibration
from keras_incremental.callbacks import PhaseCallback
from keras_incremental.distillation import SoftmaxDistillation
from keras_incremental.memory.policies import Concatenate
from keras_incremental.memory.policies import Weighted
from keras_incremental.models import IncrementalClassifier
from keras_incremental.models.phases import phase as phases
from keras_incremental.models.phases.stopping import HEAD_EPOCHS

PLAN = phases.make_plan


class Planned(Exception):
    """Stops a phase before it trains."""


@pytest.fixture
def plan_of(monkeypatch):
    """A function that gives the plan of a phase, and trains nothing."""

    def stop(*arguments):
        raise Planned(PLAN(*arguments))

    def plan(clf, classes=(2, 3), **options):
        monkeypatch.setattr(phases, "make_plan", stop)
        x, y = samples(classes, 4, seed=3)
        with pytest.raises(Planned) as caught:
            clf.learn(
                x,
                [NAMES[label] for label in y],
                [NAMES[label] for label in classes],
                verbose=0,
                **options,
            )
        return caught.value.args[0]

    return plan


def classifier(recipe=None, memory=None, remembered=True):
    clf = IncrementalClassifier(
        trained_model(), NAMES[:2], memory, recipe=recipe
    )
    if remembered:
        clf.remember(*samples([0, 1], 10))
    return clf


def test_with_nothing_old_the_old_columns_freeze_and_biases_are_set(plan_of):
    plan = plan_of(classifier(remembered=False))
    assert plan.freeze_old and not plan.terms
    assert isinstance(plan.bias_correction, MarginCalibration)
    assert isinstance(plan.policy, Concatenate)
    assert plan.description == (
        "no exemplars, old columns frozen, MarginCalibration"
    )


def test_exemplars_are_replayed_and_lightly_distilled(plan_of):
    plan = plan_of(classifier(memory=ExemplarMemory(6)), epochs=1)
    assert plan.sources == ("exemplars", "feature statistics")
    assert isinstance(plan.policy, Weighted)
    assert plan.bias_correction is None and not plan.freeze_old
    # Half of the classes are old, and a tenth of that beside replay.
    ((share, _),) = plan.terms
    assert share == pytest.approx(0.05)
    assert plan.label_weight == pytest.approx(0.95)


def test_statistics_stand_for_old_classes_without_exemplars(plan_of):
    plan = plan_of(classifier(), epochs=1)
    assert plan.sources == ("feature statistics",)
    assert plan.description.startswith(
        "no exemplars, replay of feature statistics"
    )


def test_the_phase_counts_what_it_shows(plan_of):
    plan = plan_of(classifier(recipes.er(budget=6, mixing="concatenate")))
    assert plan.phase.group_sizes == (2, 2)
    assert plan.phase.num_old == 2 and plan.phase.index == 0
    assert plan.phase.counts == (3, 3, 4, 4)


class OnlyOld(PhaseCallback):
    """Trains on what is replayed alone."""

    def select_samples(self, inputs):
        return inputs.take(new=[])


def test_the_phase_counts_what_a_callback_selects(plan_of):
    clf = classifier(recipes.er(budget=6, mixing="concatenate"))
    plan = plan_of(clf, callbacks=[OnlyOld()])
    assert plan.phase.counts == (3, 3, 0, 0)


def test_known_classes_alone_need_no_correction(plan_of):
    plan = plan_of(classifier(remembered=False), classes=(0, 1), epochs=1)
    assert plan.bias_correction is None and not plan.freeze_old
    assert plan.phase.num_new == 0


def test_epochs_are_asked_for_or_those_of_the_method_or_usual(plan_of):
    assert plan_of(classifier(), optimizer="adam").epochs == HEAD_EPOCHS
    assert plan_of(classifier(), epochs=3).epochs == 3
    fixed = classifier(recipes.bare("seven", epochs=7))
    assert plan_of(fixed).epochs == 7
    assert plan_of(fixed, epochs=3).epochs == 3


@pytest.mark.parametrize("name", ["ewc", "l2sp"])
def test_a_penalty_keeps_the_coordinates_of_the_network(plan_of, name):
    assert plan_of(classifier(recipes.get(name))).coordinates is None
    assert plan_of(classifier(recipes.er())).coordinates is not None


def test_terms_of_another_come_beside_those_of_the_recipe(plan_of):
    plan = plan_of(classifier(recipes.bic(budget=6)))
    both = plan.beside([SoftmaxDistillation(weight=3.0)])
    assert [factor for factor, _ in both.terms] == [0.5, 3.0]
    assert both.terms[1][1].phase == plan.phase
    assert dataclasses.replace(both, terms=plan.terms) == plan
