import keras
import numpy as np
import pytest
from toy_classifiers import NAMES
from toy_classifiers import classifier
from toy_classifiers import learn
from toy_classifiers import samples

from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.models.unknown import calibration
from keras_incremental.models.unknown import estimate

STRANGE, _ = samples([3, 4], count=200, seed=22)


@pytest.fixture(scope="module")
def learned():
    clf = classifier()
    learn(clf, [2], epochs=None)
    return clf


def alarms(clf, classes, count=400):
    x, _ = samples(classes, count, seed=21)
    return np.mean(clf.predict_names(x, unknown="unknown") == "unknown")


def test_what_is_unknown_is_told_after_learn_at_the_stated_rate(learned):
    assert 0.025 < alarms(learned, [0, 1, 2]) < 0.1
    found = learned.predict_names(STRANGE, unknown="unknown") == "unknown"
    assert found.mean() > 0.4
    rejector = learned.rejector
    assert rejector.estimated and rejector.interval == (0.0, 1.0)
    assert "estimated from statistics of 90 known samples" in str(rejector)
    assert set(rejector.class_alarms) == set(NAMES[:3])
    queue = learned.review(STRANGE)
    assert (queue.reasons == "unknown").sum() == found.sum()


def test_held_out_samples_sharpen_the_rate_that_was_asked_for(learned):
    estimate = learned.calibrate_unknown(false_alarm=0.2)
    assert estimate.estimated
    assert 0.1 < alarms(learned, [0, 1, 2]) < 0.4
    held = learned.calibrate_unknown(samples([0, 1, 2], 100, seed=5)[0])
    assert not held.estimated
    low, high = held.interval
    assert low <= alarms(learned, [0, 1, 2]) <= high
    learned._calibration = None


def test_a_score_of_logits_needs_held_out_samples(learned):
    with pytest.raises(ValueError, match="score='energy', x=None"):
        learned.calibrate_unknown(score="energy")


def test_files_are_written_and_read_without_an_estimate(tmp_path, monkeypatch):
    clf = classifier()
    estimates = []

    def counted(*arguments):
        estimates.append(arguments)
        return estimate.estimated(*arguments)

    monkeypatch.setattr(calibration, "estimated", counted)
    clf.save(tmp_path / "pets.keras")
    clf.save_weights(tmp_path / "pets.weights.h5")
    loaded = keras.models.load_model(tmp_path / "pets.keras")
    loaded.load_weights(tmp_path / "pets.weights.h5")
    assert not estimates
    assert loaded.rejector.estimated
    assert len(estimates) == 1


def test_it_survives_edits_and_files(tmp_path):
    clf = classifier(ExemplarMemory(30))
    learn(clf, [2], epochs=None)
    clf.rename({"bird": "crow"})
    assert "crow" in clf.rejector.class_alarms
    assert 0.02 < alarms(clf, [0, 1, 2]) < 0.12
    clf.merge({"crow": "dog"})
    assert 0.02 < alarms(clf, [0, 1, 2]) < 0.12
    clf.remove(["cat"])
    assert clf.deviations.classes.tolist() == [1, 2]
    assert 0.02 < alarms(clf, [1, 2]) < 0.12
    assert alarms(clf, [0]) > 0.3
    clf.save(tmp_path / "clf.keras")
    again = keras.models.load_model(tmp_path / "clf.keras")
    names = [c.predict_names(STRANGE, unknown="?") for c in (clf, again)]
    np.testing.assert_array_equal(*names)


def test_statistics_of_sites_keep_the_rate_and_so_do_their_files(tmp_path):
    clf = classifier(remembered=False)
    x, labels = samples([0, 1], 60)
    names = np.array(NAMES)[labels]
    halves = [
        clf.compute_statistics(x[start::2], names[start::2]) for start in (0, 1)
    ]
    clf.remember(halves[0] + halves[1])
    assert clf.deviations.skews.any(-1).all()
    assert 0.025 < alarms(clf, [0, 1]) < 0.1
    clf.save(tmp_path / "clf.keras")
    again = keras.models.load_model(tmp_path / "clf.keras")
    assert again.rejector.threshold == clf.rejector.threshold


def test_what_few_samples_cannot_promise_is_said():
    clf = classifier(remembered=False)
    x, y = samples([0, 1])
    clf.remember(x[:31], y[:31])
    assert clf.rejector.unmeasured == ["dog"]
    assert "how those of ['dog'] vary is not known" in str(clf.rejector)
    few = classifier(remembered=False)
    few.remember(x[[0, 1, 30, 31]], y[[0, 1, 30, 31]])
    assert few.rejector is None
    with pytest.raises(ValueError, match="too few samples"):
        few.predict_names(x, unknown="unknown")
    with pytest.raises(ValueError, match="Pass 19 or more"):
        few.calibrate_unknown()
    assert few.calibrate_unknown(false_alarm=0.3).count == 4


def test_layers_that_train_are_refused():
    clf = classifier()
    clf.features.layers[-1].trainable = True
    assert clf.rejector is None
    with pytest.raises(ValueError, match="layers below the head that train"):
        clf.calibrate_unknown()
