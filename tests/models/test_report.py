import dataclasses
import json

import numpy as np
import pytest
from toy_classifiers import VALIDATION
from toy_classifiers import classifier
from toy_classifiers import learn

from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.metrics.drop import Drop
from keras_incremental.reporting.report import PhaseReport

NAMES = ("cat", "dog", "bird")


def report(**changes):
    """10 cats, 10 dogs and 5 birds; two cats are taken for birds now."""
    fields = {
        "classes": NAMES,
        "new_classes": ("bird",),
        "phase_classes": ("bird",),
        "confusion_before": np.array([[9, 1], [2, 8], [5, 0]]),
        "confusion_after": np.array([[7, 1, 2], [2, 8, 0], [1, 0, 4]]),
        "drop": Drop(0.1, 0.07, 2, 0, 20),
        "class_drops": {"cat": Drop(0.2, 0.1, 2, 0, 10)},
        "used": {"method": "by hand"},
        "seconds": 2.0,
        "accepted": True,
        "reason": "accepted",
        "flips": np.array([3, 4]),
        "flipped_from": np.array([0, 0]),
        "flipped_to": np.array([2, 2]),
        "history": {"loss": [1.0, float("nan")]},
    }
    return PhaseReport(**{**fields, **changes})


def test_accuracies_are_those_of_the_confusions():
    made = report()
    assert made.old_score_before == 17 / 20
    assert made.old_score == 15 / 20
    assert made.new_score == 4 / 5
    assert made.class_score("cat", before=True) == 0.9
    assert made.class_score("bird", before=True) is None
    assert made.support("bird") == 5


def test_the_table_ends_with_what_it_cost():
    made = report(nbytes={"weights": 2_500_000, "exemplars": 1_200})
    *_, cost = str(made).splitlines()
    assert cost == "  2.0 seconds, weights 2.5 MB, exemplars 1.2 kB"


def test_json_gives_the_same_report_back():
    made = report()
    again = PhaseReport.from_json(made.to_json())
    assert again.to_dict() == made.to_dict()
    assert again.classes == NAMES
    assert str(again) == str(made)
    np.testing.assert_array_equal(again.flipped_to, made.flipped_to)
    np.testing.assert_array_equal(again.confusion_after, made.confusion_after)


def test_json_gives_a_report_without_validation_back():
    made = report(
        confusion_before=None, confusion_after=None, drop=None, class_drops={}
    )
    again = PhaseReport.from_json(made.to_json())
    assert again.score is None and again.drop is None
    assert again.to_json() == made.to_json()


def test_json_is_strict_and_has_a_line_for_each_row():
    text = report(drop=Drop(float("nan"), float("nan"), 0, 0, 0)).to_json()
    assert "NaN" not in text
    assert "[7, 1, 2]" in text
    assert json.loads(text)["history"]["loss"] == [1.0, None]
    assert np.isnan(PhaseReport.from_json(text).drop.value)


def test_a_list_inside_a_name_stays_as_it_is():
    made = report(reason="[1,  2]")
    assert PhaseReport.from_json(made.to_json()).reason == "[1,  2]"


def test_what_is_no_report_is_named():
    values = report().to_dict()
    del values["confusion_after"], values["drop"]
    with pytest.raises(ValueError, match="confusion_after.*drop"):
        PhaseReport.from_dict(values)


def test_a_file_holds_the_text(tmp_path):
    path = tmp_path / "report.json"
    text = report(classes=("Käse", "dog", "bird")).to_json(path)
    assert path.read_text(encoding="utf-8") == text + "\n"


def test_learning_reports_where_pictures_went():
    clf = classifier(ExemplarMemory(budget=9))
    made = learn(clf, [2], validation_data=VALIDATION)
    labels = VALIDATION[1]
    now = clf.predict(VALIDATION[0], verbose=0).argmax(-1)
    assert made.confusion_before.shape == (3, 2)
    assert made.confusion_after.shape == (3, 3)
    np.testing.assert_array_equal(made.confusion_after.sum(1), [30, 30, 30])
    for true, was in ((0, 2), (2, 1)):
        counted = np.sum((labels == true) & (now == was))
        assert made.confusion_after[true, was] == counted
    np.testing.assert_array_equal(made.flipped_from, labels[made.flips])
    np.testing.assert_array_equal(made.flipped_to, now[made.flips])


def test_learning_reports_what_is_kept_and_what_it_took():
    clf = classifier(ExemplarMemory(budget=9))
    made = learn(clf, [2], validation_data=VALIDATION, epochs=1)
    assert made.phase == 1
    assert made.exemplars == {"cat": 3, "dog": 3, "bird": 3}
    assert made.nbytes["exemplars"] == clf.memory.nbytes
    # 8 x 16 and 16 of the backbone, 16 x 3 and 3 of the head, 4 bytes each.
    assert made.nbytes["weights"] == 4 * (8 * 16 + 16 + 16 * 3 + 3)
    # Of each of 3 classes its mean, 32 quantiles, 8 mixtures and a skew, its
    # index and number; one scatter of all.
    each = 8 * (16 + 32 + 2) + 4 * (8 + 1) * 16
    assert made.nbytes["statistics"] == 3 * each + 8 * 16 * 16
    assert list(made.stages) == [
        "features",
        "evaluation before",
        "training",
        "exemplars",
        "evaluation after",
    ]
    assert 0 < sum(made.stages.values()) <= made.seconds
    assert made.versions["keras_incremental"]
    assert made.date.endswith("+00:00")


def test_phases_are_counted():
    clf = classifier()
    assert [learn(clf, [k], epochs=1).phase for k in (2, 3)] == [1, 2]


def test_all_fields_are_written():
    names = {field.name for field in dataclasses.fields(PhaseReport)}
    assert names - {"class_drops"} <= set(report().to_dict())


def test_a_report_of_thousands_of_classes_shows_those_that_matter():
    size, arrived = 1000, 200
    names = tuple(f"c{k}" for k in range(size))
    confusion = 10 * np.eye(size, dtype=int)
    after = confusion.copy()
    # An old class and a new one are never right any more.
    after[[7, 900], [7, 900]] = 0
    after[[7, 900], [8, 8]] = 10
    made = report(
        classes=names,
        new_classes=names[-arrived:],
        phase_classes=names[-arrived:],
        confusion_before=confusion[:, :-arrived],
        confusion_after=after,
        class_drops={},
    )
    head, *lines = str(made).splitlines()
    assert head.startswith("old 100.0 -> 99.9 (-0.1)  200 new classes 99.5")
    assert len(lines) < 110
    lost = [line.split()[1] for line in lines if " 0.0 " in line]
    assert lost == ["c7", "c900"]
    assert sum(line.startswith("  new") for line in lines) == 50
    assert any(f"and {size - 100} classes" in line for line in lines)
