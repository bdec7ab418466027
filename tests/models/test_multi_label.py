import keras
import numpy as np
import pytest
from declarations import with_partial_labels
from toy_helmets import NAMES
from toy_helmets import NEW
from toy_helmets import OLD
from toy_helmets import TEST
from toy_helmets import classifier
from toy_helmets import only_helmets
from toy_helmets import plain
from toy_helmets import scores
from toy_helmets import streets

from keras_incremental.models import OldData
from keras_incremental.problems import PartialLabelWarning
from keras_incremental.recipes import Recipe

X, TRUTH = NEW
HELMETS = only_helmets(TRUTH)


def learn(clf, x=X, y=HELMETS, classes=("helmet",), **arguments):
    options = {"verbose": 0, "epochs": 1, **arguments}
    return clf.learn(x, y, list(classes), **with_partial_labels(options))


@pytest.mark.backend
def test_sigmoid_outputs_stay_as_they_were():
    clf = classifier()
    model = plain()
    model.set_weights(clf.features.get_weights() + list(weights(clf)))
    assert clf.multi_label
    np.testing.assert_allclose(
        clf.predict(X, verbose=0), model.predict(X, verbose=0), atol=1e-6
    )


def weights(clf):
    return clf.head.columns("kernel"), clf.head.columns("bias")


@pytest.mark.backend
def test_a_new_label_is_learnt_and_old_ones_stay():
    clf = classifier()
    before, was = clf.predict(TEST[0], verbose=0), scores(clf)
    report = learn(clf, epochs=20, validation_data=TEST)
    after, now = clf.predict(TEST[0], verbose=0), scores(clf)
    np.testing.assert_allclose(after[:, :2], before, rtol=1e-6)
    assert now["helmet"] > 0.95
    assert now["car"] == was["car"] and now["bike"] == was["bike"]
    assert report.scorer.unit == "labels" and report.drop.lost == 0
    assert report.class_score("helmet") == pytest.approx(now["helmet"])


def test_unknown_taken_for_no_destroys_old_labels():
    wrong = np.concatenate([np.zeros((len(X), 2)), HELMETS], 1)
    ours = classifier(hidden=8, backbone_learning_rate=0.02)
    naive = classifier(
        hidden=8, backbone_learning_rate=0.02, recipe=Recipe(terms=None)
    )
    was = scores(ours)
    how = {"epochs": 20, "optimizer": keras.optimizers.Adam(0.02)}
    learn(ours, **how)
    learn(naive, y=wrong, classes=NAMES, **how)
    kept, lost = scores(ours), scores(naive)
    assert kept["car"] > was["car"] - 0.05 and kept["helmet"] > 0.9
    assert lost["car"] < 0.2 and lost["bike"] < 0.2


@pytest.mark.backend
def test_unknown_entries_have_no_gradient():
    clf = classifier()
    kernel = weights(clf)[0].copy()
    y = np.full((len(X), 2), -1.0)
    y[:, 0] = TRUTH[:, 0]
    learn(clf, y=y, classes=NAMES[:2])
    after = weights(clf)[0]
    np.testing.assert_allclose(after[:, 1], kernel[:, 1], atol=1e-6)
    assert np.abs(after[:, 0] - kernel[:, 0]).max() > 1e-3


@pytest.mark.parametrize("unknown", [-1, 255, np.nan])
def test_what_was_not_looked_at_has_many_spellings(unknown):
    y = np.array(HELMETS)
    y[::2] = unknown
    clf, plainly = classifier(), classifier()
    learn(clf, y=y)
    learn(plainly, y=np.where(np.arange(len(y))[:, None] % 2, HELMETS, -1))
    np.testing.assert_array_equal(
        clf.predict(X, verbose=0), plainly.predict(X, verbose=0)
    )


def test_names_say_what_is_there():
    named = [["helmet"] if h else [] for h in HELMETS[:, 0]]
    clf, plainly = classifier(), classifier()
    learn(clf, y=named, unlabeled="not_new")
    learn(plainly)
    np.testing.assert_array_equal(
        clf.predict(X, verbose=0), plainly.predict(X, verbose=0)
    )


def test_only_positives_warn():
    shown = X[HELMETS[:, 0] == 1]
    with pytest.warns(PartialLabelWarning, match="'helmet' in every sample"):
        learn(classifier(), shown, None)
    named = ["helmet" if h else None for h in HELMETS[:, 0]]
    with pytest.warns(PartialLabelWarning, match="'helmet' in every sample"):
        learn(classifier(), y=named, unlabeled="unknown")


@pytest.mark.backend
def test_a_known_share_takes_the_place_of_negatives():
    # Half of those that were not looked at have a helmet, too.
    y = np.where(np.random.default_rng(0).random(HELMETS.shape) < 0.5, 1, 0)
    y = np.where(HELMETS * y == 1, 1, -1)
    share = HELMETS[y == -1].mean()
    clf, naive = classifier(), classifier()
    learn(clf, y=y, shares={"helmet": float(share)}, epochs=20)
    learn(naive, y=np.maximum(y, 0), epochs=20)
    assert scores(clf)["helmet"] > 0.8
    assert scores(clf)["helmet"] > scores(naive)["helmet"] + 0.1


def test_old_pictures_without_it_are_negatives():
    shown = X[HELMETS[:, 0] == 1]
    bare = OLD[1][:, 2] == 0
    clf = classifier()
    before = clf.predict(TEST[0], verbose=0)
    learn(
        clf,
        shown,
        None,
        old_data=(OLD[0][bare], OLD[1][bare, :2]),
        parents={"helmet": None},
        epochs=20,
    )
    assert scores(clf)["helmet"] > 0.9
    after = clf.predict(TEST[0], verbose=0)[:, :2]
    np.testing.assert_allclose(after, before, rtol=1e-6)


@pytest.mark.backend
def test_a_network_that_trains_keeps_old_labels_by_distillation():
    report = learn(classifier(hidden=8))
    assert "SigmoidDistillation" in report.used["method"]
    report = learn(classifier())
    assert report.used["method"] == "no exemplars, old columns frozen"


def police(truth, x=X):
    """Police cars are cars with a helmet, in these streets."""
    return np.where(truth[:, :1] * truth[:, 2:] == 1, 1.0, 0.0)


@pytest.mark.backend
def test_a_child_is_never_surer_than_its_parent():
    clf = classifier()
    before = clf.predict(TEST[0], verbose=0)
    learn(
        clf,
        y=police(TRUTH),
        classes=["police car"],
        parents={"police car": "car"},
        epochs=40,
    )
    found = clf.predict(TEST[0], verbose=0)
    np.testing.assert_allclose(found[:, :2], before, rtol=1e-6)
    assert (found[:, 2] <= found[:, 0]).all()
    truth = np.concatenate([TEST[1][:, :2], police(TEST[1])], 1)
    assert clf.evaluate_classes(TEST[0], truth)["police car"] > 0.9


def test_positives_of_a_child_alone_warn_whatever_shows_no_parent():
    truth = police(TRUTH)
    y = np.concatenate([TRUTH[:, :1], np.where(truth == 1, 1, -1)], 1)
    with pytest.warns(PartialLabelWarning, match="in every 'car'"):
        learn(
            classifier(),
            y=y,
            classes=["car", "police car"],
            parents={"police car": "car"},
        )


@pytest.mark.backend
def test_a_file_keeps_labels_and_children(tmp_path):
    clf = classifier()
    learn(
        clf,
        y=police(TRUTH),
        classes=["police car"],
        parents={"police car": "car"},
    )
    outputs = clf.predict(X, verbose=0)
    clf.save(tmp_path / "streets.keras")
    loaded = keras.models.load_model(tmp_path / "streets.keras")
    assert loaded.multi_label and loaded.label_space == clf.label_space
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), outputs)
    clf.to_keras(tmp_path / "plain.keras")
    plainly = keras.models.load_model(tmp_path / "plain.keras")
    np.testing.assert_allclose(
        plainly.predict(X, verbose=0), outputs, atol=1e-5
    )


def test_a_gate_refuses_what_costs_old_labels():
    wrong = np.concatenate([np.zeros((len(X), 2)), HELMETS], 1)
    clf = classifier()
    report = learn(
        clf,
        y=wrong,
        classes=NAMES,
        epochs=20,
        max_drop=0.05,
        validation_data=TEST,
    )
    assert not report.accepted and clf.classes == NAMES[:2]


def test_old_data_of_an_earlier_version_has_fewer_columns():
    clf = classifier()
    learn(clf)
    x, truth = streets(20, seed=5)
    learn(
        clf,
        x,
        truth[:, :1],
        classes=["bus"],
        old_data=OldData(OLD[0], OLD[1][:, :2], label_version=0),
    )
    assert clf.classes == (*NAMES, "bus")
