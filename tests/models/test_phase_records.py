import dataclasses
import json

import keras
import pytest
from toy_classifiers import VALIDATION
from toy_classifiers import classifier
from toy_classifiers import learn
from toy_classifiers import samples

from keras_incremental import recipes
from keras_incremental.errors import DamagedFileError
from keras_incremental.reporting import PhaseRecord


@pytest.fixture(scope="module")
def learned():
    """A classifier of two phases, and their reports."""
    clf = classifier()
    reports = [
        learn(clf, [2], epochs=None, validation_data=VALIDATION),
        learn(clf, [0], epochs=None),
    ]
    return clf, reports


def test_each_phase_leaves_a_short_record(learned):
    clf, (first, second) = learned
    assert clf.phases == (PhaseRecord.of(first), PhaseRecord.of(second))
    record = clf.phases[0]
    assert record.phase == 1 and record.new_classes == ("bird",)
    assert record.samples == 30 and record.date == first.date
    assert record.old_score == first.old_score > 0.8
    assert record.versions["keras"] == keras.__version__
    assert clf.phases[1].new_classes == () and clf.phases[1].new_score is None


def test_records_are_small_and_in_the_file(learned, tmp_path):
    clf, _ = learned
    clf.save(tmp_path / "clf.keras")
    loaded = keras.saving.load_model(tmp_path / "clf.keras")
    assert loaded.phases == clf.phases
    assert len(json.dumps(clf.phases[0].get_config())) < 400


def test_a_refused_or_undone_phase_leaves_none():
    clf = classifier()
    cats = samples([0], seed=5)[0]
    report = clf.learn(
        cats,
        classes=["bird"],
        validation_data=VALIDATION,
        max_drop=0,
        verbose=0,
        epochs=5,
    )
    assert not report.accepted and clf.phases == ()
    learn(clf, [2], epochs=None)
    assert len(clf.phases) == 1
    assert clf.with_recipe(recipes.bare(clf.recipe.name)).phases == clf.phases
    clf.rollback()
    assert clf.phases == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"phase": -1},
        {"samples": 2.5},
        {"date": 3},
        {"new_classes": "bird"},
        {"new_classes": [1]},
        {"old_score": 1.5},
        {"new_score": "high"},
        {"versions": {"keras": 3}},
        {"versions": []},
        {"more": 1},
    ],
    ids=lambda changes: "-".join(map(str, changes)),
)
def test_damaged_records_are_refused(learned, changes):
    config = {**learned[0].phases[0].get_config(), **changes}
    with pytest.raises(DamagedFileError, match="`phases` of the config"):
        PhaseRecord.from_config(config)


def test_a_record_comes_back_from_its_config(learned):
    record = learned[0].phases[0]
    assert PhaseRecord.from_config(record.get_config()) == record
    with pytest.raises(DamagedFileError):
        PhaseRecord.from_config(None)
    changed = dataclasses.replace(record, old_score=None)
    assert PhaseRecord.from_config(changed.get_config()) == changed
