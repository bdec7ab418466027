import keras
import numpy as np
import pytest
from declarations import with_partial_labels
from toy_vehicles import CAR
from toy_vehicles import OLD
from toy_vehicles import OLD_LABELS
from toy_vehicles import POLICE
from toy_vehicles import TRUCK
from toy_vehicles import accuracies
from toy_vehicles import classifier
from toy_vehicles import mixed
from toy_vehicles import plain
from toy_vehicles import seen

from keras_incremental.losses import CandidateSetCrossentropy
from keras_incremental.models import IncrementalClassifier
from keras_incremental.models import OldData
from keras_incremental.problems import PartialLabels
from keras_incremental.problems import PartialLabelWarning
from keras_incremental.recipes import Recipe
from keras_incremental.recipes import bic
from keras_incremental.recipes import er_ace

NEW, TRUE = mixed({POLICE: 100, CAR: 100, TRUCK: 100}, seed=3)
ONLY_POLICE = ["police car" if label == POLICE else None for label in TRUE]
SPLIT = {"police car": "car"}


def learn(clf, x=NEW, y=ONLY_POLICE, **arguments):
    options = {
        "verbose": 0,
        "epochs": 20,
        "batch_size": 128,
        "parents": SPLIT,
        **arguments,
    }
    return clf.learn(x, y, ["police car"], **with_partial_labels(options))


def merged(logits):
    return np.stack([np.logaddexp(logits[:, 0], logits[:, 2]), logits[:, 1]], 1)


def test_all_police_cars_labelled_tell_them_from_cars():
    clf = classifier()
    learn(clf, unlabeled="not_new")
    found = accuracies(clf)
    assert min(found.values()) > 0.85


def test_what_was_a_car_before_is_one_of_both_now():
    clf = classifier(memory=None)
    before = clf.predict(OLD[0], verbose=0)
    learn(clf, unlabeled="not_new", epochs=2)
    after = clf.predict(OLD[0], verbose=0)
    np.testing.assert_allclose(merged(after), before, atol=1e-5)
    np.testing.assert_array_equal(after[:, 1], before[:, 1])


def test_a_plain_model_and_a_file_keep_the_split(tmp_path):
    clf = classifier()
    learn(clf, unlabeled="not_new", epochs=2)
    outputs = clf.predict(OLD[0], verbose=0)
    clf.save(tmp_path / "vehicles.keras")
    loaded = keras.models.load_model(tmp_path / "vehicles.keras")
    assert loaded.label_space == clf.label_space
    np.testing.assert_array_equal(loaded.predict(OLD[0], verbose=0), outputs)
    plain = clf.to_keras()
    np.testing.assert_allclose(
        plain.predict(OLD[0], verbose=0), outputs, atol=1e-5
    )


def test_police_cars_alone_swallow_the_cars_and_a_warning_says_so():
    clf = classifier()
    with pytest.warns(PartialLabelWarning, match="every 'car' a 'police car'"):
        learn(clf, seen(POLICE, 100, seed=3), None, epochs=40)
    assert accuracies(clf)["car"] < 0.2


def accuracies_of_a_share(share):
    clf = classifier()
    police = seen(POLICE, 100, seed=3)
    learn(clf, police, None, shares={"police car": share}, epochs=40)
    return accuracies(clf)


def test_a_known_share_keeps_the_cars():
    found = accuracies_of_a_share(0.3)
    assert found["car"] > 0.85
    assert found["police car"] > 0.5


def test_a_small_share_takes_old_labels_at_their_word():
    assert accuracies_of_a_share(0.04)["car"] > 0.95


def test_cars_labelled_anew_tell_police_cars_from_cars():
    clf = classifier(memory=None)
    x, y = mixed({POLICE: 100, CAR: 30}, seed=3)
    names = np.where(y == POLICE, "police car", "car")
    clf.learn(
        x,
        names,
        ["car", "police car"],
        partial_labels=PartialLabels(parents=SPLIT),
        epochs=40,
        batch_size=128,
        verbose=0,
    )
    assert min(accuracies(clf).values()) > 0.8


def test_old_labels_keep_their_meaning_in_later_phases():
    clf = classifier()
    learn(clf, unlabeled="not_new", epochs=1)
    clf.learn(seen(TRUCK, 20) + 5, classes=["bus"], epochs=1, verbose=0)
    assert clf.label_space.version == 2
    versions = dict(zip(clf.memory.ids, clf.memory.label_versions, strict=True))
    assert set(versions.values()) == {0, 1, 2}
    assert clf.label_space.table(0)[CAR].tolist() == [True, False, True, False]


def test_old_data_of_an_earlier_version_is_replayed():
    clf = classifier(memory=None)
    learn(clf, unlabeled="not_new", epochs=1)
    report = clf.learn(
        seen(TRUCK, 20) + 5,
        classes=["bus"],
        old_data=OldData(OLD[0], OLD_LABELS, label_version=0),
        epochs=1,
        verbose=0,
    )
    assert "old data" in report.used["method"]


def test_old_data_keeps_old_classes():
    clf = classifier(memory=None)
    learn(
        clf,
        seen(POLICE, 100, seed=3),
        None,
        parents={"police car": None},
        old_data=mixed({CAR: 100, TRUCK: 100}),
        epochs=60,
    )
    assert min(accuracies(clf).values()) > 0.85


def test_weights_of_classes_hold_for_sets_of_them():
    clf = classifier()
    loss = CandidateSetCrossentropy(label_weights=[1.0, 1.0, 4.0], focus=1.0)
    clf = clf.with_recipe(Recipe(loss=loss))
    report = learn(clf, unlabeled="not_new", epochs=2)
    assert np.isfinite(report.history["loss"]).all()


def test_a_missing_label_needs_a_meaning():
    with pytest.raises(ValueError, match="`unlabeled`"):
        learn(classifier(None), y=np.where(TRUE == POLICE, 0, -1))


def test_a_wrong_meaning_is_refused():
    with pytest.raises(ValueError, match="`unlabeled` must be one of"):
        learn(classifier(None), unlabeled="nothing")


def test_background_must_be_a_class():
    with pytest.raises(ValueError, match="needs a class of that name"):
        learn(classifier(None), unlabeled="background")


def test_what_new_classes_were_must_be_said():
    with pytest.raises(
        ValueError, match=r"without \['police car'\].*Pass parents="
    ):
        learn(classifier(None), unlabeled="not_new", parents=None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"parents": {"police": "car"}}, "no new classes"),
        ({"parents": {"police car": "boat"}}, "must name old classes"),
        ({"parents": "car"}, "must be a dict"),
        ({"shares": {"police car": 2.0}}, "between 0 and 1"),
        (
            {"shares": {"police car": 0.2}, "parents": {"police car": None}},
            "`parents` names none",
        ),
        ({"old_data": OldData(OLD[0], OLD_LABELS, 3)}, "versions 0"),
    ],
)
def test_declarations_are_checked_before_anything_changes(arguments, message):
    clf = classifier(None)
    before = clf.get_weights()
    with pytest.raises((ValueError, TypeError), match=message):
        learn(clf, unlabeled="not_new", **arguments)
    assert clf.classes == ("car", "truck")
    for old, new in zip(before, clf.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_loss_of_exact_labels_says_that_it_cannot():
    clf = classifier(None)
    clf.recipe = er_ace(budget=20)
    with pytest.raises(ValueError, match="AsymmetricCrossentropy"):
        learn(clf, unlabeled="not_new")
    assert clf.classes == ("car", "truck")


def test_a_recipe_goes_without_its_correction_where_a_class_is_divided():
    clf = IncrementalClassifier(
        plain(), ["car", "truck"], recipe=bic(budget=40)
    )
    clf.remember(OLD[0], OLD_LABELS)
    report = learn(clf, unlabeled="not_new", epochs=1)
    assert "no BiasCorrection, as old classes are" in report.used["method"]


def test_nothing_is_calibrated_where_a_class_is_divided():
    with pytest.warns(PartialLabelWarning):
        report = learn(classifier(None), seen(POLICE, 20), None, epochs=1)
    assert "no MarginCalibration" in report.used["method"]
