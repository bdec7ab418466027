"""The life of a classifier: calls in any order, and what it should know."""

import dataclasses
import os
import tempfile

import keras
import numpy as np
import pytest
from whole_state import differences
from whole_state import whole_state

from keras_incremental import ExemplarMemory
from keras_incremental import IncrementalClassifier
from keras_incremental import recipes
from keras_incremental.memory import Reservoir

DIM, BUDGET, MOST = 4, 12, 20
CENTERS = 4 * np.random.default_rng(1).normal(size=(MOST, DIM))
# What a file does not keep: the state to roll back to.
ONLY_HERE = ("previous",)
# Kinds of classifiers: a recipe, and a memory of its own.
KINDS = {
    "solved": lambda: (None, ExemplarMemory(BUDGET)),
    "slda": lambda: (recipes.slda(), ExemplarMemory(BUDGET)),
    "statistics": lambda: (recipes.slda(), None),
    "stream": lambda: (
        recipes.er(memory=Reservoir(BUDGET, policy="balanced")),
        None,
    ),
}


def samples(label, seed, count=5):
    noise = np.random.default_rng([label, seed]).normal(size=(count, DIM))
    return (CENTERS[label] + noise).astype("float32")


def frozen_features(model):
    return [v.numpy().tobytes() for v in model.features.variables]


@dataclasses.dataclass
class Known:
    """What a classifier should know.

    Attributes:
        names: List of the names of all classes.
        answers: Array, for each class the one that answers for it, or -1.
        shown: Array, how many samples of each class it was shown.
    """

    names: list
    answers: np.ndarray
    shown: np.ndarray

    def copy(self):
        return Known([*self.names], self.answers.copy(), self.shown.copy())

    @property
    def active(self):
        own = np.arange(len(self.names))
        return np.flatnonzero(self.answers[: len(own)] == own).tolist()


class Life:
    """A classifier, what it should know, and what its file became.

    Args:
        kind: String, a key of `KINDS`.
    """

    def __init__(self, kind):
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [
                keras.Input((DIM,)),
                keras.layers.Dense(6, activation="relu", trainable=False),
                keras.layers.Dense(2),
            ]
        )
        recipe, memory = KINDS[kind]()
        self.clf = IncrementalClassifier(
            model, ["0", "1"], memory=memory, recipe=recipe
        )
        self.loaded, self.before_phase = None, None
        self.is_stream = kind == "stream"
        self.is_closed_form = self.clf.head.is_closed_form
        self.known = Known(["0", "1"], np.arange(MOST), np.zeros(MOST, int))
        self.frozen = frozen_features(self.clf)
        self.remember(0, 0)
        self.remember(1, 0)

    def step(self, call, choice, seed):
        getattr(self, call)(choice, seed)
        self.check()

    def chosen(self, choice):
        return self.known.active[choice % len(self.known.active)]

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
        if self.is_stream:
            self.observe(choice, seed)
            return
        label, name, validation = self.lesson(choice)
        x = samples(label, seed)
        self.phase(
            lambda c: c.learn(
                x, classes=[name], validation_data=validation, verbose=0
            ),
            {label: name},
            validation,
        )

    def observe(self, choice, seed):
        if isinstance(self.clf.memory, ExemplarMemory):
            self.learn(choice, seed)
            return
        label, name, validation = self.lesson(choice)
        other = self.chosen(seed)
        x = np.concatenate([samples(label, seed), samples(other, seed)])
        names = [name] * 5 + [self.known.names[other]] * 5
        order = np.random.default_rng(seed).permutation(10)
        self.phase(
            lambda c: c.observe(
                x[order],
                np.array(names)[order],
                validation_data=validation,
                verbose=0,
            ),
            {label: name, other: names[-1]},
            validation,
            [label, other],
        )

    def checkpoint(self, choice, seed):
        """Trains, and saves what there is at the end of the epoch."""
        if self.is_stream or self.clf.memory is None:
            return
        label, name, validation = self.lesson(choice)
        x, saved = samples(label, seed), []

        def learn(classifier):
            path = os.path.join(folder, f"{len(saved)}.keras")
            saved.append(path)
            return classifier.learn(
                x,
                classes=[name],
                validation_data=validation,
                epochs=1,
                verbose=0,
                callbacks=[keras.callbacks.ModelCheckpoint(path)],
            )

        with tempfile.TemporaryDirectory() as folder:
            self.phase(learn, {label: name}, validation)
            written = [
                os.path.join(folder, name) for name in os.listdir(folder)
            ]
            if not written:
                return
            assert sorted(written) == sorted(saved)
            found = keras.models.load_model(saved[0])
        assert list(found.classes) == self.known.names
        assert frozen_features(found) == self.frozen

    def lesson(self, choice):
        """Returns a label, new or known, its name, and what to measure by."""
        known = self.known
        label = len(known.names) if choice % 2 else self.chosen(choice)
        name = [*known.names, str(label)][label]
        shown = np.concatenate([samples(k, 9) for k in known.active])
        names = np.repeat([known.names[k] for k in known.active], 5)
        return label, name, (shown, names)

    def phase(self, call, learned, validation, labels=None):
        before = self.known.copy()
        seen = [*np.flatnonzero(before.shown), *learned]
        if self.is_closed_form and set(before.active) - set(seen):
            with pytest.raises(ValueError, match="has never seen"):
                call(self.clf)
            return
        report = self.each(call)
        self.before_phase = before
        for label, name in learned.items():
            if label == len(self.known.names):
                self.known.names.append(name)
        for label in labels or learned:
            self.known.shown[label] += 5
        self.recount(report, validation)

    def recount(self, report, validation):
        """Compares a report with what NumPy counts."""
        x, names = validation
        counts = {} if self.clf.memory is None else self.clf.memory.counts
        kept = {self.known.names[k]: n for k, n in counts.items()}
        assert report.exemplars == kept
        predicted = self.clf.predict_names(x)
        for name in np.unique(names):
            right = np.mean(predicted[names == name] == name)
            assert report.class_score(str(name)) == pytest.approx(right)

    def remember(self, choice, seed):
        label = self.chosen(choice)
        x, name = samples(label, seed), self.known.names[label]
        self.each(lambda c: c.remember(x, [name] * len(x)))
        self.known.shown[label] += len(x)

    def rename(self, choice, seed):
        label = self.chosen(choice)
        old, new = self.known.names[label], f"{label}.{seed}"
        if old != new:
            self.each(lambda c: c.rename({old: new}))
            self.known.names[label] = new

    def merge(self, choice, seed):
        source, target = self.chosen(choice), self.chosen(choice + 1 + seed)
        if source == target or len(self.known.active) < 3:
            return
        names = {self.known.names[source]: self.known.names[target]}
        self.each(lambda c: c.merge(names))
        self.known.answers[self.known.answers == source] = target

    def remove(self, choice, seed):
        if len(self.known.active) < 3:
            return
        label = self.chosen(choice)
        name = self.known.names[label]
        gone = np.flatnonzero(self.known.answers == label)
        report = self.each(lambda c: c.remove([name]))
        assert report.counted == self.known.shown[gone].sum()
        self.known.answers[gone] = -1
        self.known.shown[gone] = 0
        self.before_phase = None

    def forget(self, choice, seed):
        if self.clf.memory is None or not len(self.clf.memory):
            return
        ids = self.clf.memory.ids[choice % 3 :: 4]
        labels = self.clf.memory.arrays()[1][choice % 3 :: 4]
        report = self.each(lambda c: c.forget(ids))
        assert (report.exemplars, report.counted) == (len(ids), len(ids))
        self.known.shown -= np.bincount(labels, minlength=MOST)
        self.before_phase = None

    def forget_all(self, choice, seed):
        if self.clf.memory is not None:
            while len(self.clf.memory):
                self.forget(0, seed)
                self.forget(1, seed)
                self.forget(2, seed)

    def rollback(self, choice, seed):
        if self.before_phase is None or self.clf.previous is None:
            return
        self.each(lambda c: c.rollback())
        self.known, self.before_phase = self.before_phase, None

    def calibrate(self, choice, seed):
        x = np.concatenate([samples(k, 7, 20) for k in self.known.active])
        if self.known.shown[self.known.active].all():
            self.each(lambda c: c.calibrate_unknown(x, false_alarm=0.1))
            return
        with pytest.raises(ValueError, match="statistics .* of each class"):
            self.clf.calibrate_unknown(x, false_alarm=0.1)

    def fail(self, choice, seed):
        before = whole_state(self.clf)
        x, name = samples(0, seed), self.known.names[self.chosen(0)]
        x[choice % 5, 0] = np.nan
        calls = ["observe" if self.is_stream else "learn", "remember"]
        for call in calls:
            with pytest.raises(ValueError, match=rf"x\[{choice % 5}\]"):
                getattr(self.clf, call)(x, [name] * len(x))
        assert not differences(before, whole_state(self.clf))

    def reload(self, choice, seed):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "clf.keras")
            self.clf.save(path)
            assert os.listdir(folder) == ["clf.keras"]
            self.loaded = keras.models.load_model(path)
        self.before_phase = None

    def check(self):
        clf, known = self.clf, self.known
        assert list(clf.classes) == known.names
        answers = known.answers[: len(known.names)]
        assert clf.label_space.merged_into.tolist() == answers.tolist()
        assert frozen_features(clf) == self.frozen
        counts = clf.statistics.counts
        assert counts.tolist() == known.shown[: len(counts)].tolist()
        assert not known.shown[len(counts) :].any()
        if clf.memory is not None:
            self.check_memory()
        if self.loaded is not None:
            differ = differences(whole_state(clf), whole_state(self.loaded))
            assert set(differ) <= set(ONLY_HERE)

    def check_memory(self):
        memory, answers = self.clf.memory, self.known.answers
        assert len(memory) <= BUDGET
        assert all(answers[label] != -1 for label in memory.counts)
        if len(memory):
            x, y = memory.arrays()
            rows = np.column_stack([y, x])
            assert len(np.unique(rows, axis=0)) == len(rows)
