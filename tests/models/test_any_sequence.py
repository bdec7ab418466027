"""What holds after any sequence of calls, with files anywhere between.

`SEQUENCES=500 python -m pytest tests/models/test_any_sequence.py` tries more,
and `SHRINK=1` shrinks what fails, which takes minutes.
"""

import dataclasses
import os
import tempfile

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck
from hypothesis import Phase
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from whole_state import differences
from whole_state import whole_state

from keras_incremental import ExemplarMemory
from keras_incremental import IncrementalClassifier
from keras_incremental import recipes

SEQUENCES = int(os.environ.get("SEQUENCES", 5))
STEPS = 6
DIM, BUDGET = 4, 12
CENTERS = 4 * np.random.default_rng(1).normal(size=(20, DIM))
# What a file does not keep: the state to roll back to.
ONLY_HERE = ("previous",)


def samples(label, seed, count=5):
    noise = np.random.default_rng([label, seed]).normal(size=(count, DIM))
    return (CENTERS[label] + noise).astype("float32")


def frozen_features(model):
    return [v.numpy().tobytes() for v in model.features.variables]


class Life:
    """A classifier, what it should know, and what its file became."""

    def __init__(self, recipe):
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [
                keras.Input((DIM,)),
                keras.layers.Dense(6, activation="relu", trainable=False),
                keras.layers.Dense(2),
            ]
        )
        self.clf = IncrementalClassifier(
            model, ["0", "1"], memory=ExemplarMemory(BUDGET), recipe=recipe
        )
        self.loaded = None
        self.names = ["0", "1"]
        self.gone = set()
        self.shown = np.zeros(20, int)
        self.before_phase = None
        self.frozen = frozen_features(self.clf)
        self.remember(0, 0)
        self.remember(1, 0)

    def step(self, call, choice, seed):
        getattr(self, call)(choice, seed)
        self.check()

    @property
    def active(self):
        return [k for k in range(len(self.names)) if k not in self.gone]

    def chosen(self, choice):
        return self.active[choice % len(self.active)]

    def each(self, call):
        """Calls something of the classifier, and of the reloaded one."""
        classifiers = [c for c in (self.clf, self.loaded) if c is not None]
        results = [call(clf) for clf in classifiers]
        for clf in classifiers:
            clf.phases = tuple(
                dataclasses.replace(phase, date="today") for phase in clf.phases
            )
        return results[0]

    def learn(self, choice, seed):
        label = len(self.names) if choice % 2 else self.chosen(choice)
        if label == len(self.names):
            name = str(label)
        else:
            name = self.names[label]
        x = samples(label, seed)
        names = [*(self.names[k] for k in self.active)]
        shown = np.concatenate([samples(k, 9) for k in self.active])
        validation = (shown, np.repeat(names, 5))
        before = list(self.names), set(self.gone), self.shown.copy()
        report = self.each(
            lambda c: c.learn(
                x, classes=[name], validation_data=validation, verbose=0
            )
        )
        self.before_phase = before
        if label == len(self.names):
            self.names.append(name)
        self.shown[label] += len(x)
        self.recount(report, validation)

    def recount(self, report, validation):
        """Compares a report with what NumPy counts."""
        x, names = validation
        counts = self.clf.memory.counts
        kept = {self.names[k]: n for k, n in counts.items()}
        assert report.exemplars == kept
        predicted = self.clf.predict_names(x)
        for name in np.unique(names):
            right = np.mean(predicted[names == name] == name)
            assert report.class_score(str(name)) == pytest.approx(right)

    def remember(self, choice, seed):
        label = self.chosen(choice)
        x, name = samples(label, seed), self.names[label]
        self.each(lambda c: c.remember(x, [name] * len(x)))
        self.shown[label] += len(x)

    def rename(self, choice, seed):
        label = self.chosen(choice)
        old, new = self.names[label], f"{label}.{seed}"
        if old != new:
            self.each(lambda c: c.rename({old: new}))
            self.names[label] = new

    def remove(self, choice, seed):
        if len(self.active) > 2:
            label = self.chosen(choice)
            name = self.names[label]
            report = self.each(lambda c: c.remove([name]))
            assert report.counted == self.shown[label]
            self.gone.add(label)
            self.shown[label], self.before_phase = 0, None

    def forget(self, choice, seed):
        ids = self.clf.memory.ids[choice % 3 :: 4]
        labels = self.clf.memory.arrays()[1][choice % 3 :: 4]
        report = self.each(lambda c: c.forget(ids))
        assert (report.exemplars, report.counted) == (len(ids), len(ids))
        self.shown -= np.bincount(labels, minlength=20)
        self.before_phase = None

    def rollback(self, choice, seed):
        if self.before_phase is None or self.clf.previous is None:
            return
        self.each(lambda c: c.rollback())
        self.names, self.gone, self.shown = self.before_phase
        self.before_phase = None

    def calibrate(self, choice, seed):
        x = np.concatenate([samples(k, 7, 20) for k in self.active])
        self.each(lambda c: c.calibrate_unknown(x, false_alarm=0.1))

    def fail(self, choice, seed):
        before = whole_state(self.clf)
        x = samples(0, seed)
        x[choice % 5, 0] = np.nan
        for call in ("learn", "remember"):
            with pytest.raises(ValueError, match=rf"x\[{choice % 5}\]"):
                getattr(self.clf, call)(x, classes=[self.names[0]])
        assert not differences(before, whole_state(self.clf))

    def reload(self, choice, seed):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "clf.keras")
            self.clf.save(path)
            self.loaded = keras.models.load_model(path)
        self.before_phase = None

    def check(self):
        clf = self.clf
        assert list(clf.classes) == self.names
        assert frozen_features(clf) == self.frozen
        assert len(clf.memory) <= BUDGET
        assert not set(clf.memory.counts) & self.gone
        counts = clf.statistics.counts
        assert counts.tolist() == self.shown[: len(counts)].tolist()
        if len(clf.memory):
            x, y = clf.memory.arrays()
            rows = np.column_stack([y, x])
            assert len(np.unique(rows, axis=0)) == len(rows)
        if self.loaded is not None:
            differ = differences(whole_state(clf), whole_state(self.loaded))
            assert set(differ) <= set(ONLY_HERE)


CALLS = (
    "learn",
    "learn",
    "remember",
    "rename",
    "remove",
    "forget",
    "rollback",
    "calibrate",
    "fail",
    "reload",
)
steps = st.tuples(st.sampled_from(CALLS), st.integers(0, 5), st.integers(0, 2))


@pytest.mark.filterwarnings("ignore:The outputs of the classes")
@pytest.mark.parametrize("recipe", [None, "slda"])
@settings(
    max_examples=SEQUENCES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=list(Phase) if "SHRINK" in os.environ else [Phase.generate],
)
@given(st.lists(steps, min_size=STEPS, max_size=STEPS))
def test_any_sequence_of_calls_keeps_all_promises(recipe, calls):
    life = Life(recipe and getattr(recipes, recipe)())
    for call in calls:
        life.step(*call)
