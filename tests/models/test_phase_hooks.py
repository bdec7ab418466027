"""What a `PhaseCallback` may do in a phase of `learn`."""

import dataclasses

import numpy as np
import pytest
from keras import ops
from toy_classifiers import NAMES
from toy_classifiers import learn
from toy_classifiers import samples
from toy_classifiers import trained_model

from keras_incremental import recipes
from keras_incremental.callbacks import PhaseCallback
from keras_incremental.distillation import Term
from keras_incremental.layers import NearestClassMean
from keras_incremental.models import IncrementalClassifier
from keras_incremental.models.phases.fit import Fit
from keras_incremental.models.phases.phase_data import Inputs


def make(recipe):
    clf = IncrementalClassifier(trained_model(), NAMES[:2], recipe=recipe)
    clf.remember(*samples([0, 1]))
    return clf


@pytest.fixture
def fits(monkeypatch):
    """Inputs of every `fit` of a phase."""
    seen, run = [], Fit.run

    def spy(self, student, inputs, name=None):
        seen.append(inputs)
        return run(self, student, inputs, name)

    monkeypatch.setattr(Fit, "run", spy)
    return seen


class EverySecond(PhaseCallback):
    required_data = "new"

    def select_samples(self, inputs):
        return inputs.take(new=np.arange(len(inputs.new_labels)) % 2 == 0)


def test_a_phase_trains_on_what_a_callback_selects(fits):
    callback = EverySecond()
    learn(make(recipes.er(budget=6)), [2], epochs=1, callbacks=[callback])
    (inputs,) = fits
    assert (len(inputs.new), len(inputs.old)) == (15, 6)
    # The data of a phase is all that it has, whatever is selected.
    assert len(callback.data[0]) == 30


def test_callbacks_select_in_turn(fits):
    both = [EverySecond(), EverySecond()]
    learn(make(recipes.er(budget=6)), [2], epochs=1, callbacks=both)
    assert len(fits[0].new) == 8


def test_a_solved_head_learns_what_a_callback_selects():
    clf = make(recipes.ncm())
    learn(clf, [2], callbacks=[EverySecond()])
    assert clf.head.statistics.counts.tolist() == [30, 30, 15]


class KeepFirst(PhaseCallback):
    def on_phase_begin(self, run):
        run.keep_exemplars()


def test_exemplars_may_be_kept_before_the_training(fits):
    clf = make(recipes.er(budget=6))
    learn(clf, [2], epochs=1, callbacks=[KeepFirst()])
    kept, labels = clf.memory.arrays()
    assert labels.tolist() == [0, 0, 1, 1, 2, 2]
    np.testing.assert_array_equal(fits[0].old_labels, labels)
    features = ops.convert_to_numpy(clf.features(kept))
    np.testing.assert_allclose(fits[0].old, features, rtol=1e-4, atol=1e-5)


class Pulled(Term):
    """Pulls the logits of new classes to the outputs `"goal"`."""

    needs_teacher = False
    teacher_reads = ("goal",)

    def compute_loss(self, teacher_outputs, student_outputs, labels=None):
        new = student_outputs["logits"][:, 2:]
        return ops.mean(ops.square(new - teacher_outputs["goal"]))


class Goal(PhaseCallback):
    def teacher_outputs(self, inputs):
        return {"goal": 0.0 * inputs[:, :1] - 7.0}


PULLED = recipes.bare("pulled", terms=(Pulled(weight=100.0),))


def test_outputs_of_a_callback_reach_the_terms():
    clf = make(dataclasses.replace(PULLED, callbacks=(Goal(),)))
    learn(clf, [2], epochs=20)
    found = clf.predict(samples([2], seed=5)[0], verbose=0)[:, 2]
    # The labels alone would raise them.
    assert found.mean() < -3


@pytest.mark.backend
def test_a_term_without_its_teacher_is_refused_and_nothing_changes():
    clf = make(PULLED)
    before = clf.get_weights()
    with pytest.raises(ValueError, match=r"\['goal'\] of a further teacher"):
        learn(clf, [2], epochs=1)
    assert clf.classes == NAMES[:2]
    # On JAX, Keras takes the values out of the variables while it trains.
    for weight, value in zip(clf.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, value)


ROWS = Inputs.of(np.arange(4)[:, None], np.arange(4))


def with_old():
    return dataclasses.replace(
        ROWS,
        old=np.arange(10, 15)[:, None],
        old_labels=np.arange(5),
        old_versions=np.arange(5),
        num_exemplars=3,
        stored=np.arange(3)[:, None],
    )


def test_what_belongs_to_a_sample_is_taken_with_it():
    taken = with_old().take(new=[3, 1], old=np.array([1, 0, 1, 0, 1], bool))
    assert taken.new.ravel().tolist() == [3, 1]
    assert taken.new_labels.tolist() == [3, 1]
    assert taken.old.ravel().tolist() == [10, 12, 14]
    assert taken.old_labels.tolist() == [0, 2, 4]
    assert taken.old_versions.tolist() == [0, 2, 4]
    assert taken.stored.ravel().tolist() == [0, 2]
    assert taken.num_exemplars == 2
    assert taken.replayed.tolist() == [False, False, True, True, True]


def test_all_samples_are_taken_that_nothing_is_said_about():
    taken = with_old().take()
    for one, other in zip(taken.all, with_old().all, strict=True):
        np.testing.assert_array_equal(one, other)
    moved = dataclasses.replace(ROWS, replayed_rows=np.array([0, 1, 0, 1]) > 0)
    assert moved.take(new=[0, 3]).replayed.tolist() == [False, True]


def test_a_readout_must_say_how_it_follows_a_phase():
    head = NearestClassMean(2)
    assert not head.reads_logits
    head.build((None, 2))
    rows = np.eye(2, dtype="float32")
    read = {"kept": rows, "new": None}.get
    head.adapt_readout(read, ("kept", np.array([0, 1])), ("new", None))
    assert head.statistics.counts.tolist() == [1, 1]
