"""What is removed or forgotten leaves no trace."""

import keras
import numpy as np
import pytest
from toy_classifiers import NAMES
from toy_classifiers import classifier
from toy_classifiers import learn
from toy_classifiers import make
from toy_classifiers import samples
from toy_classifiers import trained_model
from toy_streams import follower
from toy_streams import stream
from whole_state import whole_state

from keras_incremental import recipes
from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.memory import Reservoir
from keras_incremental.models import IncrementalClassifier
from keras_incremental.models import editing
from keras_incremental.statistics import FeatureStatistics


def traces(clf, x, tmp_path):
    """Returns which of some samples are found in the file or the process."""
    clf.save(tmp_path / "clf.keras")
    saved = (tmp_path / "clf.keras").read_bytes()
    held = repr(whole_state(clf))
    return [
        sample.tobytes() in saved or sample.tobytes().hex() in held
        for sample in x
    ]


def places(clf, folder):
    """Returns the bytes of all that is kept, by place."""
    clf.save(folder / "clf.keras")
    found = {
        "file": (folder / "clf.keras").read_bytes(),
        "slots": b"".join(_bytes(v) for v in clf.optimizer.variables),
        "statistics": b"".join(
            _bytes(getattr(clf.statistics, name))
            for name in clf.statistics.ARRAYS
        ),
        "process": repr(whole_state(clf)).encode(),
    }
    if clf.memory is not None:
        clf.memory.save(folder / "memory.npz")
        found["memory"] = (folder / "memory.npz").read_bytes()
    return found


def _bytes(value):
    return keras.ops.convert_to_numpy(value).tobytes()


def found_in(rows, kept):
    """Returns the places in which one of some arrays is found."""
    return {
        place
        for place, data in kept.items()
        for row in rows
        if row.tobytes() in data or row.tobytes().hex().encode() in data
    }


def solved():
    clf = classifier(ExemplarMemory(20))
    learn(clf, [2], epochs=None)
    clf.fit(*samples([0, 1, 2], seed=4), verbose=0)
    return clf


def streaming():
    clf = follower(recipes.er(memory=Reservoir(20, policy="balanced")))
    clf.observe(*stream([0, 1, 2], count=10), verbose=0)
    return clf


def of_statistics():
    clf = make(recipes.slda())
    learn(clf, [2])
    return clf


@pytest.mark.parametrize("begin", [solved, streaming, of_statistics])
def test_a_removed_class_is_in_no_place(begin, tmp_path):
    clf = begin()
    x = samples([1])[0]
    if clf.memory is not None:
        x, labels = clf.memory.arrays()
        x = x[labels == 1]
    kept = clf.statistics.means[[1]].astype("float64")
    before = places(clf, tmp_path)
    assert found_in(kept, before) >= {"file", "statistics"}
    if clf.memory is not None:
        assert found_in(x, before) == {"file", "memory", "process"}
    clf.remove([NAMES[1]])
    after = places(clf, tmp_path)
    assert not found_in([*x, *kept], after)
    assert clf.previous is None


@pytest.mark.parametrize("begin", [solved, streaming])
def test_forgotten_samples_are_in_no_place(begin, tmp_path):
    clf = begin()
    x, labels = clf.memory.arrays()
    counts = clf.statistics.counts
    assert found_in(x[::3], places(clf, tmp_path)) >= {"file", "memory"}
    clf.backbone.features_of(clf.backbone.student_inputs(x))
    assert len(clf.backbone.cached) == len(x)
    report = clf.forget(clf.memory.ids[::3])
    assert not len(clf.backbone.cached)
    assert clf.previous is None
    assert not found_in(x[::3], places(clf, tmp_path))
    left = counts - np.bincount(labels[::3], minlength=len(counts))
    assert clf.statistics.counts.tolist() == left.tolist()
    assert report.counted == len(x[::3])


def test_a_forgotten_sample_is_in_no_file_and_in_no_statistics(tmp_path):
    clf = classifier(ExemplarMemory(20))
    learn(clf, [2], epochs=None)
    clf.fit(*samples([0, 1, 2], seed=4), verbose=0)
    clf.calibrate_unknown(samples([0, 1, 2], seed=8)[0])
    before, x = clf.statistics, clf.memory.arrays()[0]
    labels = clf.memory.arrays()[1][[0, 3, 8]]
    report = clf.forget(clf.memory.ids[[0, 3, 8]])
    assert (report.exemplars, report.counted) == (3, 3)
    assert "columns of the head" in str(report)
    assert not len(clf.backbone.cached)
    found = traces(clf, x, tmp_path)
    assert np.flatnonzero(~np.array(found)).tolist() == [0, 3, 8]
    features = clf.features.predict(x[[0, 3, 8]], verbose=0)
    expected = before - FeatureStatistics.of(features, labels)
    assert clf.statistics.counts.tolist() == expected.counts.tolist()
    np.testing.assert_allclose(
        clf.statistics.scatter, expected.scatter, atol=1e-5
    )
    assert clf._calibration is None
    names = [clf.classes[k] for k in np.unique(labels)]
    assert clf.rejector.estimated
    assert clf.rejector.unmeasured == names
    assert not any(np.any(v) for v in clf.optimizer.variables[2:])
    with pytest.raises(ValueError, match="no phase to go back to"):
        clf.rollback()


@pytest.mark.parametrize("name", ["slda", "ridge", "fecam"])
def test_a_head_in_closed_form_has_never_seen_what_is_forgotten(name):
    x, y = samples([0, 1])

    def remembered(rows):
        clf = IncrementalClassifier(
            trained_model(),
            NAMES[:2],
            memory=ExemplarMemory(60),
            recipe=getattr(recipes, name)(),
        )
        clf.remember(x[rows], y[rows])
        return clf

    clf, others = remembered(np.arange(60)), remembered(np.arange(50))
    forgotten = [(clf.memory.arrays()[0] == row).all(1) for row in x[50:]]
    report = clf.forget(clf.memory.ids[np.any(forgotten, axis=0)])
    assert (report.exemplars, report.counted) == (10, 10)
    assert report.remains == ("files and exports that were made before",)
    np.testing.assert_allclose(
        clf.predict(x, verbose=0), others.predict(x, verbose=0), atol=1e-4
    )


@pytest.mark.parametrize("name", ["slda", "ridge", "fecam", "ncm"])
def test_a_removed_class_is_not_in_a_head_in_closed_form(name, tmp_path):
    clf = make(getattr(recipes, name)())
    learn(clf, [2])
    mean = clf.head.statistics.means[1]
    report = clf.remove(["dog"])
    assert report.counted == 30
    assert clf.head.statistics.counts.tolist() == [30, 0, 30]
    clf.save(tmp_path / "clf.keras")
    assert mean.tobytes() not in (tmp_path / "clf.keras").read_bytes()
    assert set(clf.predict_names(samples([0, 2])[0])) == {"cat", "bird"}


def test_a_class_is_removed_from_a_reservoir(tmp_path):
    clf = follower(recipes.er(memory=Reservoir(20, policy="balanced")))
    clf.observe(*stream([0, 1, 2], count=10), verbose=0)
    x, y = clf.memory.arrays()
    report = clf.remove(["dog"])
    assert report.exemplars == np.count_nonzero(y == 1)
    assert 1 not in clf.memory.counts
    assert 1 not in clf.memory.seen
    assert traces(clf, x, tmp_path) == (y != 1).tolist()
    clf.observe(*stream([0, 2, 3], count=4), verbose=0)
    assert set(clf.memory.counts) <= {0, 2, 3}


def test_an_emptied_memory_goes_on_after_a_file_as_without(tmp_path):
    clf = follower(recipes.er(memory=Reservoir(20, policy="balanced")))
    clf.observe(*stream([0, 1, 2], count=10), verbose=0)
    clf.forget(clf.memory.ids)
    clf.save(tmp_path / "clf.keras")
    loaded = keras.models.load_model(tmp_path / "clf.keras")
    x, y = samples([0, 2], seed=7)
    for each in (clf, loaded):
        each.memory.add(x, y)
    assert loaded.memory.seen == clf.memory.seen
    assert loaded.memory.ids.tolist() == clf.memory.ids.tolist()
    np.testing.assert_array_equal(
        loaded.memory.arrays()[0], clf.memory.arrays()[0]
    )


def test_what_a_memory_forgets_does_not_come_back_by_a_rollback():
    clf = classifier(ExemplarMemory(20))
    learn(clf, [2], epochs=None)
    picture, gone = clf.memory.arrays()[0][0], clf.memory.ids[0]
    clf.memory.forget([gone])
    clf.rollback()
    learn(clf, [3], epochs=None)
    assert not (clf.memory.arrays()[0] == picture).all(1).any()
    assert len(clf.memory) > 0


def test_a_failed_call_brings_back_what_it_has_forgotten(monkeypatch):
    clf = classifier(ExemplarMemory(20))
    before = whole_state(clf)

    def fail(classifier):
        raise KeyboardInterrupt

    monkeypatch.setattr(editing, "_drop_derived", fail)
    with pytest.raises(KeyboardInterrupt):
        clf.forget(clf.memory.ids[:3])
    assert whole_state(clf) == before
    assert not clf.memory.forgotten


def test_only_exemplars_can_be_forgotten():
    with pytest.raises(ValueError, match="without a memory"):
        classifier().forget([0])
    with pytest.raises(TypeError, match="`ids` must be integers"):
        classifier(ExemplarMemory(20)).forget(["a"])
