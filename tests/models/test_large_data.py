import numpy as np
import pytest
from toy_classifiers import classifier
from toy_classifiers import make as make_with
from toy_classifiers import samples

from keras_incremental import recipes
from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.utils import large_arrays

BIRDS, _ = samples([2], seed=3)
VALIDATION = samples([0, 1, 2], count=8, seed=4)


def batches(x, y=None):
    for start in range(0, len(x), 8):
        rows = slice(start, start + 8)
        yield x[rows] if y is None else (x[rows], y[rows])


def solved():
    return classifier()


def solved_with_exemplars():
    return classifier(ExemplarMemory(20))


def replayed():
    return make_with(recipes.er(budget=20))


def end_to_end():
    return make_with(recipes.er(budget=20), trainable=True)


@pytest.fixture
def small_limit(monkeypatch):
    made = []

    def empty(shape, dtype):
        array = whole(shape, dtype)
        made.extend([shape] if isinstance(array, np.memmap) else [])
        return array

    whole = large_arrays.empty
    monkeypatch.setattr(large_arrays, "empty", empty)
    monkeypatch.setattr(large_arrays, "LIMIT", 500)
    monkeypatch.setattr(large_arrays, "CHUNK", 300)
    return made


def learned(make):
    clf = make()
    report = clf.learn(
        batches(BIRDS),
        classes=["bird"],
        validation_data=batches(*VALIDATION),
        epochs=None if make in (solved, solved_with_exemplars) else 2,
        verbose=0,
    )
    return clf, report


@pytest.mark.parametrize(
    "make", [solved, solved_with_exemplars, replayed, end_to_end]
)
def test_samples_in_files_are_learned_as_those_in_memory(
    make, monkeypatch, small_limit
):
    with monkeypatch.context() as patch:
        patch.setattr(large_arrays, "LIMIT", 2**28)
        one, expected = learned(make)
    assert not small_limit
    other, report = learned(make)
    assert small_limit or make is end_to_end
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert report.confusion_after.tolist() == expected.confusion_after.tolist()
    assert report.history.keys() == expected.history.keys()
    for name, values in expected.history.items():
        np.testing.assert_allclose(report.history[name], values, atol=1e-4)
    if one.memory is not None:
        for a, b in zip(
            one.memory.arrays(), other.memory.arrays(), strict=True
        ):
            np.testing.assert_array_equal(a, b)


def test_every_verb_reads_samples_in_files(small_limit):
    clf, x = classifier(ExemplarMemory(20)), VALIDATION[0][:16]
    clf.remember(batches(*samples([0, 1], seed=5)))
    values = clf.evaluate_classes(batches(x, VALIDATION[1][:16]))
    assert set(values) == {"cat", "dog"}
    clf.calibrate_unknown(batches(*samples([0, 1], seed=6)), false_alarm=0.1)
    names = clf.predict_names(batches(x), unknown="unknown").tolist()
    small_limit.clear()
    assert clf.predict_names(x, unknown="unknown").tolist() == names
    queue = clf.review(batches(np.concatenate([x, BIRDS])))
    assert len(queue) >= 20
    clf.learn(*queue.answer(["bird"] * len(queue)), verbose=0)
    assert clf.classes == ("cat", "dog", "bird")
    assert small_limit
