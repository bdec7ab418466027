import keras
import numpy as np
import pytest
from toy_classifiers import DIM
from toy_classifiers import NAMES
from toy_classifiers import classifier
from toy_classifiers import learn
from toy_classifiers import samples
from toy_classifiers import trained_model

from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.models import IncrementalClassifier
from keras_incremental.rejection import distance
from keras_incremental.rejection import energy
from keras_incremental.rejection.scores import BOTH

KNOWN, LABELS = samples([0, 1], count=200, seed=20)
FRESH, _ = samples([0, 1], count=500, seed=21)
STRANGE, _ = samples([2, 3], count=50, seed=22)


def features_of(clf, x):
    return clf.features.predict(x, verbose=0)


def test_unknown_pictures_are_told_at_the_stated_rate():
    clf = classifier()
    rejector = clf.calibrate_unknown(KNOWN, LABELS, false_alarm=0.05)
    low, high = rejector.interval
    alarms = clf.predict_names(FRESH, unknown="unknown") == "unknown"
    assert low <= alarms.mean() <= high
    found = clf.predict_names(STRANGE, unknown="nothing known") == (
        "nothing known"
    )
    assert found.mean() > 0.4


def test_noise_that_the_softmax_is_sure_of_is_unknown():
    clf = classifier(activation="softmax")
    clf.calibrate_unknown(KNOWN)
    noise = 200 * np.random.default_rng(0).random((20, DIM), "float32")
    assert (clf.predict(noise, verbose=0).max(-1) > 0.99).mean() > 0.8
    assert set(clf.predict_names(noise, unknown="unknown")) == {"unknown"}


def test_known_pictures_keep_their_names():
    clf = classifier()
    clf.calibrate_unknown(KNOWN)
    names = clf.predict_names(FRESH, unknown="unknown")
    known = names != "unknown"
    np.testing.assert_array_equal(names[known], clf.predict_names(FRESH[known]))
    few = clf.predict_names(FRESH, unknown="unknown", classes=["dog"])
    assert set(few) == {"dog", "unknown"}
    np.testing.assert_array_equal(few == "unknown", names == "unknown")


@pytest.mark.parametrize("score", ["distance", "energy", BOTH])
def test_the_threshold_is_that_of_the_score(score):
    clf = classifier(activation="softmax")
    rejector = clf.calibrate_unknown(KNOWN, score=score, false_alarm=0.1)
    features = features_of(clf, KNOWN)
    away = distance(features, clf.statistics)
    free = energy(keras.ops.convert_to_numpy(clf.head(features)))
    both = away + away.std() / free.std() * free
    slow = {"distance": away, "energy": free, BOTH: both}[score]
    # 400 samples: 39 of them are above, and one is the threshold.
    np.testing.assert_allclose(
        rejector.threshold, np.sort(slow)[-40], rtol=1e-4
    )


def test_false_alarms_are_counted_by_class():
    clf = classifier()
    rejector = clf.calibrate_unknown(KNOWN, [NAMES[i] for i in LABELS])
    assert set(rejector.class_alarms) == {"cat", "dog"}
    np.testing.assert_allclose(
        np.mean([*rejector.class_alarms.values()]), rejector.alarms / 400
    )


def test_a_data_set_of_batches_is_read_once():
    clf = classifier()
    batches = (
        (KNOWN[i : i + 50], LABELS[i : i + 50]) for i in range(0, 400, 50)
    )
    rejector = clf.calibrate_unknown(batches)
    again = classifier().calibrate_unknown(KNOWN, LABELS)
    assert rejector.count == 400
    np.testing.assert_allclose(rejector.threshold, again.threshold, rtol=1e-5)
    names = clf.predict_names((batch for batch in [FRESH]), unknown="unknown")
    np.testing.assert_array_equal(
        names, clf.predict_names(FRESH, unknown="unknown")
    )


def test_labels_that_are_not_known_are_refused():
    with pytest.raises(ValueError, match="bird"):
        classifier().calibrate_unknown(KNOWN[:1], ["bird"])


def test_a_head_without_statistics_must_be_calibrated():
    clf = classifier(remembered=False)
    assert clf.rejector is None
    for refused in (
        lambda: clf.predict_names(FRESH, unknown="unknown"),
        clf.calibrate_unknown,
    ):
        with pytest.raises(ValueError, match=r"no statistics.*`remember`"):
            refused()


def test_the_answer_must_not_be_a_class():
    clf = classifier()
    clf.calibrate_unknown(KNOWN)
    with pytest.raises(ValueError, match="unknown='cat'"):
        clf.predict_names(FRESH, unknown="cat")
    with pytest.raises(TypeError, match="unknown=True"):
        clf.predict_names(FRESH, unknown=True)


def test_too_few_pictures_change_nothing():
    clf = classifier()
    kept = clf.calibrate_unknown(KNOWN)
    with pytest.raises(ValueError, match="too few"):
        clf.calibrate_unknown(KNOWN[:10])
    assert clf.rejector is kept


def test_statistics_that_are_missing_are_asked_for():
    clf = classifier(remembered=False)
    with pytest.raises(ValueError, match="remember"):
        clf.calibrate_unknown(KNOWN)
    assert clf.rejector is None
    assert clf.calibrate_unknown(KNOWN, score="energy").threshold < 0


def test_exemplars_stand_in_where_the_backbone_trains():
    model = trained_model()
    model.trainable = True
    for layer in model.layers:
        layer.trainable = True
    clf = IncrementalClassifier(model, NAMES[:2], ExemplarMemory(60))
    clf.remember(*samples([0, 1]))
    assert not len(clf.statistics)
    rejector = clf.calibrate_unknown(KNOWN, score="distance")
    pictures, labels = clf.memory.arrays()
    statistics = clf.statistics.of(features_of(clf, pictures), labels)
    slow = np.sort(distance(features_of(clf, KNOWN), statistics))
    np.testing.assert_allclose(rejector.threshold, slow[-20], rtol=1e-4)


def test_it_must_be_calibrated_again_after_learning():
    clf = classifier(remembered=False)
    clf.calibrate_unknown(KNOWN, score="energy")
    learn(clf, [2])
    assert clf.rejector is None
    with pytest.raises(ValueError, match=r"Calibrate again.*'bird'"):
        clf.predict_names(FRESH, unknown="unknown")
    for refused in (clf.review, clf.propose):
        with pytest.raises(ValueError, match="Calibrate again"):
            refused(FRESH)


def test_after_learning_the_same_rate_is_estimated_from_statistics():
    clf = classifier()
    kept = clf.calibrate_unknown(KNOWN, false_alarm=0.1)
    before = clf.predict_names(FRESH, unknown="unknown")
    learn(clf, [2])
    assert clf.rejector.estimated
    assert clf.rejector.false_alarm == 0.1
    clf.rollback()
    # The weights are those that it was calibrated with.
    assert clf.rejector is kept
    np.testing.assert_array_equal(
        clf.predict_names(FRESH, unknown="unknown"), before
    )


def test_any_change_of_weights_ends_it():
    clf = classifier()
    clf.calibrate_unknown(KNOWN)
    clf.fit(KNOWN, LABELS, epochs=1, verbose=0)
    assert clf.rejector.estimated


@pytest.mark.parametrize("score", [BOTH, "energy"])
def test_it_is_saved_with_the_classifier(score, tmp_path):
    clf = classifier()
    learn(clf, [2])
    rejector = clf.calibrate_unknown(*samples(range(3), 99), score=score)
    # Moves the statistics, and no weight.
    clf.remember(*samples([0], seed=5))
    clf.save(tmp_path / "clf.keras")
    loaded = keras.models.load_model(tmp_path / "clf.keras")
    assert loaded.rejector.get_config() == rejector.get_config()
    for x in (FRESH, STRANGE):
        np.testing.assert_array_equal(
            loaded.predict_names(x, unknown="unknown"),
            clf.predict_names(x, unknown="unknown"),
        )


def test_a_file_without_calibration_has_none(tmp_path):
    clf = classifier()
    learn(clf, [2])
    clf.save(tmp_path / "clf.keras")
    loaded = keras.models.load_model(tmp_path / "clf.keras")
    assert "calibration" not in loaded.get_config()
    assert loaded.rejector.get_config() == clf.rejector.get_config()
    np.testing.assert_array_equal(
        *(c.predict_names(STRANGE, unknown="?") for c in (loaded, clf))
    )
