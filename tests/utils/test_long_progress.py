import keras
import numpy as np
import pytest

from keras_incremental import ExemplarMemory
from keras_incremental import IncrementalClassifier
from keras_incremental.data import as_source
from keras_incremental.memory import selector
from keras_incremental.regularizers import fisher_importance
from keras_incremental.rejection import scores
from keras_incremental.statistics import class_means
from keras_incremental.statistics import solved_columns
from keras_incremental.statistics.deviations import Deviations
from keras_incremental.statistics.feature_statistics import FeatureStatistics
from keras_incremental.utils import devices
from keras_incremental.utils import large_arrays
from keras_incremental.utils import long_progress
from keras_incremental.utils.long_progress import LongProgress

FEATURES = np.random.default_rng(0).normal(size=(8, 4))
LABELS = np.arange(8) % 4
X, Y = np.eye(8), np.array(["cat", "dog"] * 4)
BATCHES = [(np.zeros((2, 3)), np.array([0, 1]))] * 4


@pytest.fixture
def slow(monkeypatch):
    monkeypatch.setattr(long_progress, "PATIENCE", -1.0)
    # Samples are read by some at a time.
    for module in (class_means, solved_columns):
        monkeypatch.setattr(module, "AT_ONCE", 64)
    for module in (scores, selector):
        monkeypatch.setattr(module, "CHUNK", 4)
    for name in ("LIMIT", "CHUNK"):
        monkeypatch.setattr(large_arrays, name, 64)


def count(target, verbose):
    progress = LongProgress("counting", target, verbose, "sheep")
    for _ in range(4):
        progress.add()


def test_what_is_soon_done_is_not_told(capsys):
    count(4, 1)
    assert capsys.readouterr().out == ""


def test_what_ends_is_not_begun_to_be_told(slow, capsys):
    LongProgress("counting", 1, 1).add()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("target", [4, None])
def test_what_takes_long_is_told(target, slow, capsys):
    count(target, 1)
    out = capsys.readouterr().out
    assert out.startswith("counting\n") and out.count("counting") == 1
    assert "4/4" in out if target else "/Unknown" in out


def test_nothing_is_told_to_those_who_ask_for_nothing(slow, capsys):
    count(4, 0)
    assert capsys.readouterr().out == ""


def counted():
    return class_means.ClassMeans.of(FEATURES, LABELS)


def solved():
    statistics = FeatureStatistics.of(FEATURES, LABELS)
    return solved_columns.solve_columns(statistics, FEATURES, LABELS)


def varied():
    statistics = FeatureStatistics.of(FEATURES, LABELS)
    return Deviations.empty(4).updated(statistics, FEATURES, LABELS)


def estimated():
    return varied().drawn(FeatureStatistics.of(FEATURES, LABELS))


def scored():
    return scores.distance(FEATURES, FeatureStatistics.of(FEATURES, LABELS))


def read():
    as_source(BATCHES).collect()


def selected():
    ExemplarMemory(4, selection="random").update(np.eye(8), LABELS)


def compared():
    memory = ExemplarMemory(4, features=lambda x: x)
    memory.update(np.eye(8), LABELS)


def stored(path):
    ExemplarMemory(4, True, "random", path=path).update(np.eye(8), LABELS)


def predicted():
    devices.predict(network(), np.eye(8), 4)


def protected():
    fisher_importance(network(), np.eye(8), num_samples=8, batch_size=4)


def network():
    return keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)])


STAGES = {
    "reading `x`": (read, "4/4"),
    "predicting": (predicted, "2/2"),
    "computing statistics": (counted, "8/8"),
    "leaving samples out in turn": (solved, "8/8"),
    "describing how classes vary": (varied, "4/4"),
    "estimating thresholds": (estimated, "4/4"),
    "measuring distances": (scored, "2/2"),
    "measuring importance": (protected, "8/8"),
    "selecting exemplars": (selected, "4/4"),
    "comparing samples": (selected, "8/8"),
    "computing features to select by": (compared, "2/2"),
    "storing exemplars": (stored, "8/8"),
}


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_that_takes_long_is_told_if_it_is_asked_for(
    name, slow, capsys, tmp_path
):
    stage, end = STAGES[name]
    given = [tmp_path / "exemplars"] if stage is stored else []
    stage(*given)
    with long_progress.shown(0):
        stage(*given)
    assert capsys.readouterr().out == ""
    with long_progress.shown(1):
        stage(*given)
    _, told = capsys.readouterr().out.split(f"{name}\n")
    assert end in told
    stage(*given)
    assert capsys.readouterr().out == ""


CALLS = {
    "remember": lambda clf, **how: clf.remember(X, Y, **how),
    "learn": lambda clf, **how: clf.learn(X, classes=["bird"], **how),
    "evaluate_classes": lambda clf, **how: clf.evaluate_classes(
        X, Y, batch_size=4, **how
    ),
    "calibrate_unknown": lambda clf, **how: clf.calibrate_unknown(
        X, Y, score="distance", false_alarm=0.5, **how
    ),
    "propose": lambda clf, **how: clf.propose(X, **how),
    "review": lambda clf, **how: clf.review(X, **how),
    "compute_statistics": lambda clf, **how: clf.compute_statistics(
        X, Y, **how
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_tells_of_its_stages_if_it_is_asked_to(
    name, slow, capsys, known
):
    call = CALLS[name]
    call(known(), verbose=0)
    assert capsys.readouterr().out == ""
    call(known(), verbose=1)
    assert "/" in capsys.readouterr().out
    with pytest.raises(ValueError, match="`verbose` must be"):
        call(known(), verbose="yes")


@pytest.fixture
def known():
    def make():
        clf = IncrementalClassifier(network(), ["cat", "dog"])
        clf.remember(X, Y, verbose=0)
        return clf

    return make
