import json

import keras
import numpy as np
import pytest
from toy_classifiers import NAMES
from toy_classifiers import classifier
from toy_classifiers import learn
from toy_classifiers import samples

import keras_incremental as ki
from keras_incremental.metrics import mcnemar_p_value
from keras_incremental.models.comparing import compare_predictions

X, Y = samples(range(3), count=20, seed=9)
LABELS = np.array(NAMES)[Y]


@pytest.fixture(scope="module")
def models():
    old, new = classifier(), classifier()
    learn(new, [2], epochs=None)
    return old, new


@pytest.fixture(scope="module")
def comparison(models):
    return ki.compare(*models, X, LABELS, max_drop=0.02)


def flipped(lost, gained, count=100, limit=0.02, **options):
    """A comparison of models that differ on so many samples of cats."""
    labels = np.array(["cat"] * count)
    before, after = labels.copy(), labels.copy()
    after[:lost] = "dog"
    before[lost : lost + gained] = "dog"
    classes = ("cat", "dog")
    return compare_predictions(
        labels, before, after, classes, classes, limit, **options
    )


def test_accuracies_are_those_of_predictions(models, comparison):
    old, new = (model.predict_names(X) for model in models)
    known = Y < 2
    report = comparison.report
    assert report.classes == NAMES[:3] and report.new_classes == ("bird",)
    assert report.old_score_before == np.mean((old == LABELS)[known])
    assert report.old_score == np.mean((new == LABELS)[known])
    assert report.new_score == np.mean((new == LABELS)[~known])
    for name in NAMES[:2]:
        right = (new == LABELS)[LABELS == name].mean()
        assert report.class_score(name) == right


def test_flips_are_those_of_predictions(models, comparison):
    old, new = (model.predict_names(X) for model in models)
    lost = (old == LABELS) & (new != LABELS)
    gained = (old != LABELS) & (new == LABELS) & (Y < 2)
    np.testing.assert_array_equal(comparison.report.flips, np.nonzero(lost)[0])
    assert comparison.drop.lost == lost.sum()
    assert comparison.drop.gained == gained.sum()
    assert comparison.p_value == mcnemar_p_value(lost.sum(), gained.sum())


def test_files_and_plain_models_compare_as_classifiers_do(
    models, comparison, tmp_path
):
    old, new = models
    old.save(tmp_path / "old.keras")
    new.to_keras(tmp_path / "new.keras")
    from_files = ki.compare(
        tmp_path / "old.keras",
        str(tmp_path / "new.keras"),
        (X, Y),
        classes=NAMES[:3],
        max_drop=0.02,
    )
    plain = ki.compare(old.to_keras(), new, X, Y, max_drop=0.02)
    for other in (from_files, plain):
        values, wanted = other.to_dict(), comparison.to_dict()
        for changing in ("seconds", "date"):
            values.pop(changing), wanted.pop(changing)
        assert values == wanted


@pytest.mark.parametrize(
    ("lost", "gained", "count", "decision"),
    [
        (0, 0, 189, "accepted"),
        (0, 0, 188, "undecided"),
        (20, 0, 100, "refused"),
        (6, 5, 100, "undecided"),
        (0, 30, 200, "accepted"),
    ],
)
def test_decides_only_on_evidence(lost, gained, count, decision):
    comparison = flipped(lost, gained, count)
    assert comparison.decision == decision
    assert comparison.report.accepted == (decision == "accepted")
    assert comparison.reason.startswith(decision)
    assert (comparison.samples_needed is None) == (decision != "undecided")


def test_says_how_many_samples_would_tell():
    comparison = flipped(1, 0)
    needed = comparison.samples_needed
    assert needed > 100
    text = str(comparison)
    assert "not enough samples to tell" in text
    assert f"about {needed} samples of the old classes would tell" in text
    assert "1 of 100 old samples went from right to wrong, 0 from" in text
    assert "McNemar's exact test: p = 1" in text


def test_no_number_of_samples_tells_at_the_limit():
    comparison = flipped(2, 0)
    assert comparison.decision == "undecided"
    assert comparison.samples_needed is None
    assert "no number of samples would tell" in str(comparison)


def test_without_a_limit_all_is_accepted():
    comparison = flipped(50, 0, limit=None)
    assert comparison.decision == "accepted"
    assert "no `max_drop` was given" in comparison.reason


def test_a_lower_level_decides_on_fewer_samples():
    assert flipped(0, 0, 150).decision == "undecided"
    assert flipped(0, 0, 150, level=0.9).decision == "accepted"


def test_json_and_page_have_the_decision(comparison, tmp_path):
    values = json.loads(comparison.to_json(tmp_path / "a.json"))
    assert values["decision"] == comparison.decision == "undecided"
    assert values["samples_needed"] == comparison.samples_needed
    assert values["interval"] == pytest.approx(comparison.interval)
    assert (tmp_path / "a.json").read_text().strip() == comparison.to_json()
    assert "undecided" in comparison.to_html(tmp_path / "a.html")


def test_models_of_other_classes_compare_by_name():
    comparison = compare_predictions(
        ["cat", "dog", "fish"],
        ["cat", "dog", "cat"],
        ["cat", "fish", "fish"],
        old_classes=("dog", "cat"),
        new_classes=("fish", "cat"),
    )
    assert comparison.report.classes == ("dog", "cat", "fish")
    assert comparison.drop.lost == 1 and comparison.drop.count == 2
    assert comparison.report.class_score("dog") == 0


def test_refuses_what_cannot_be_compared(models):
    old, new = models
    nameless = keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="needs the names of its classes"):
        ki.compare(nameless, new, X, LABELS)
    nameless.class_names = ["cat", "dog", "bird"]
    with pytest.raises(ValueError, match="one output for each class"):
        ki.compare(nameless, new, X, LABELS)
    with pytest.raises(ValueError, match="needs labels"):
        ki.compare(old, new, X)
    with pytest.raises(ValueError, match=r"Received: \['frog'\]"):
        ki.compare(old, new, X, np.where(Y == 2, "frog", LABELS))
    with pytest.raises(ValueError, match=r"no sample of an old class.*bird"):
        ki.compare(old, new, X[Y == 2], LABELS[Y == 2])
    with pytest.raises(ValueError, match="Received: max_drop=2"):
        ki.compare(old, new, X, LABELS, max_drop=2)
