"""Proposals and reviews of label maps, and of several labels."""

import keras
import numpy as np
import pytest
import toy_helmets
import toy_scenes

from keras_incremental.problems import PartialLabels
from keras_incremental.utils.probabilities import normalized_entropy

X, TRUTH = toy_scenes.scenes([1, 2, 3], 40, seed=5)
STREETS, SHOWN = toy_helmets.streets(80, seed=6)


@pytest.fixture(scope="module")
def pixels():
    return toy_scenes.classifier()


@pytest.fixture(scope="module")
def streets():
    return toy_helmets.classifier(activation=None, multi_label=True)


def as_pairs(logits):
    """Logits of the no and of the yes of each class, in float64."""
    return np.stack([np.zeros(logits.shape), logits], -1)


def test_pixels_are_proposed_where_they_are_sure(pixels):
    logits = pixels.predict(X, verbose=0)
    proposed = pixels.propose(X, 0.1)
    sure = normalized_entropy(np.float64(logits)) < 0.1
    assert 0.1 < sure.mean() < 1
    np.testing.assert_array_equal(
        proposed, np.where(sure, logits.argmax(-1), -1)
    )


def test_scenes_to_review_are_ordered_by_their_mean_entropy(pixels):
    queue = pixels.review(X, 0.1, count=10)
    logits = pixels.predict(X, verbose=0)
    entropy = normalized_entropy(np.float64(logits))
    uncertain = (entropy >= 0.1).any((1, 2))
    order = np.argsort(-entropy.mean((1, 2)), kind="stable")
    np.testing.assert_array_equal(queue.indices, order[uncertain[order]][:10])
    np.testing.assert_allclose(
        queue.scores, entropy.mean((1, 2))[queue.indices], rtol=1e-6
    )
    np.testing.assert_array_equal(queue.names, logits.argmax(-1)[queue.indices])
    assert set(queue.reasons) == {"uncertain"} and len(queue) == 10
    with pytest.raises(ValueError, match="Pool maps first"):
        queue.clusters()
    shown = [toy_scenes.NAMES[k] for k in np.unique(queue.names[0])]
    assert ", ".join(shown) in str(queue).splitlines()[2]


def test_scenes_that_a_person_answered_are_learnt():
    clf = toy_scenes.classifier(backbone_learning_rate=0.01)
    queue = clf.review(X)
    answers = {index: TRUTH[index] for index in queue.indices.tolist()}
    answered = queue.answer(answers, classes=toy_scenes.NAMES)
    np.testing.assert_array_equal(answered.x, X[queue.indices])
    report = clf.learn(
        *answered,
        epochs=15,
        optimizer=keras.optimizers.Adam(0.05),
        partial_labels=PartialLabels(parents={"blue": None}),
        validation_data=toy_scenes.scenes([1, 2, 3], 20, seed=9),
        verbose=0,
    )
    assert report.new_classes == ("blue",)
    assert report.new_score > 0.5 and report.old_score > 0.8


def test_proposals_go_back_into_learn(pixels):
    clf = toy_scenes.classifier()
    report = clf.learn(
        X,
        clf.propose(X),
        clf.classes,
        partial_labels=PartialLabels("unknown"),
        verbose=0,
    )
    assert report.phase_classes == clf.classes


def test_answers_of_scenes_are_maps_of_numbers(pixels):
    queue = pixels.review(X, count=2)
    for odd in ("red", np.zeros((8, 8)), np.zeros(8, int)):
        with pytest.raises(TypeError, match="maps of shape"):
            queue.answer([odd, None])
    with pytest.raises(ValueError, match="Maps must be of one size"):
        queue.answer([queue.names[0], queue.names[1][:4]])
    x, labels, classes = queue.answer([None, queue.names[1]])
    assert x.shape == (1, 8, 8, 3) and labels.shape == (1, 8, 8)
    assert classes == pixels.classes


def test_each_yes_and_no_is_proposed_where_it_is_sure(streets):
    logits = streets.predict(STREETS, verbose=0)
    entropy = normalized_entropy(as_pairs(logits))
    proposed = streets.propose(STREETS, 0.2)
    sure = entropy < 0.2
    assert 0.1 < sure.mean() < 1
    np.testing.assert_array_equal(proposed, np.where(sure, logits > 0, -1))
    half = streets.propose(STREETS) != -1
    for said in (logits > 0, logits <= 0):
        for column in range(2):
            rows = said[:, column]
            assert half[rows, column].mean() > 0.45


def test_a_threshold_of_one_class_leaves_the_other_alone(streets):
    some = streets.propose(STREETS, {"car": 0.0})
    assert (some[:, 0] == -1).all()
    np.testing.assert_array_equal(some[:, 1], streets.propose(STREETS)[:, 1])


def test_streets_to_review_are_ordered_by_their_largest_entropy(streets):
    queue = streets.review(STREETS, 0.2)
    logits = streets.predict(STREETS, verbose=0)
    entropy = normalized_entropy(as_pairs(logits)).max(-1)
    assert (np.diff(queue.scores) <= 0).all() and len(queue)
    np.testing.assert_allclose(queue.scores, entropy[queue.indices])
    np.testing.assert_array_equal(
        np.sort(queue.indices), np.flatnonzero(entropy >= 0.2)
    )
    named = streets.predict_names(STREETS)
    assert queue.names.tolist() == [named[k] for k in queue.indices]
    assert str(queue)


def test_streets_that_a_person_answered_are_learnt():
    clf = toy_helmets.classifier(activation=None, multi_label=True)
    queue = clf.review(STREETS, 0.0)
    assert len(queue) == len(STREETS)
    names = np.array(toy_helmets.NAMES)
    answers = [tuple(names[SHOWN[k] == 1]) for k in queue.indices]
    answered = queue.answer(answers)
    np.testing.assert_array_equal(answered.y, SHOWN[queue.indices])
    assert answered.classes == toy_helmets.NAMES
    report = clf.learn(
        *answered, epochs=40, validation_data=toy_helmets.TEST, verbose=0
    )
    assert report.new_classes == ("helmet",)
    assert report.new_score > 0.8


def test_answers_of_streets_are_all_names_that_apply(streets):
    queue = streets.review(STREETS, 0.0, count=3)
    _, labels, classes = queue.answer([(), None, ["bike"]])
    assert labels.tolist() == [[0, 0], [0, 1]] and classes == ("car", "bike")
    for odd in ("car", 1):
        with pytest.raises(TypeError, match="tuples of all names"):
            queue.answer([odd, None, None])
    with pytest.raises(TypeError, match="must be names"):
        queue.answer([(3,), None, None])


def test_pixels_of_something_unknown_are_told_by_their_energy():
    clf = toy_scenes.classifier()
    known, labels = toy_scenes.scenes([1, 2], 40, seed=7)
    labels[:, 0] = 255
    rejector = clf.calibrate_unknown(known, labels, score="energy")
    assert rejector.count == labels.size * 7 // 8
    assert set(rejector.class_alarms) == {"background", "red", "green"}
    unknown = clf.predict_names(X, unknown="unknown") == "unknown"
    assert unknown.shape == TRUTH.shape
    seen = np.isin(TRUTH, [0, 1, 2])
    assert unknown[seen].mean() < 0.1
    assert (clf.propose(X)[unknown] == -1).all()
    with pytest.raises(ValueError, match='Pass score="energy"'):
        clf.calibrate_unknown(known, labels)


def test_pixels_are_calibrated_at_the_size_of_their_labels():
    clf = toy_scenes.classifier()
    known, labels = toy_scenes.scenes([1, 2], 20, seed=7)
    large = labels.repeat(2, 1).repeat(2, 2)
    assert clf.calibrate_unknown(known, large, score="energy").count == 20 * 256
    assert clf.calibrate_unknown(known, score="energy").count == 20 * 64


def test_pictures_of_something_unknown_are_told_by_their_joint_energy():
    streets = toy_helmets.classifier(activation=None, multi_label=True)
    known, labels = toy_helmets.streets(200, seed=8)
    labels = labels[:, :2]
    with pytest.raises(ValueError, match='Pass score="energy"'):
        streets.calibrate_unknown(known, labels)
    rejector = streets.calibrate_unknown(known, labels, score="energy")
    # Those that show nothing do not say where the known ends.
    assert rejector.count == labels.any(1).sum() < len(known)
    logits = streets.predict(STREETS, verbose=0).astype("float64")
    scores = -np.logaddexp(0, logits).sum(-1)
    rejected = scores > rejector.threshold
    assert 0 < rejected.sum() < len(rejected)
    plain = streets.predict_names(STREETS)
    named = streets.predict_names(STREETS, unknown="unknown")
    for name, was, gone in zip(named, plain, rejected, strict=True):
        assert name == (("unknown",) if gone else was)
    assert (streets.propose(STREETS, 1.0)[rejected] == -1).all()
    queue = streets.review(STREETS)
    assert set(queue.indices[queue.reasons == "unknown"]) == set(
        np.flatnonzero(rejected)
    )


def test_what_was_calibrated_is_saved_and_ends_with_a_change(tmp_path):
    clf = toy_helmets.classifier(activation=None, multi_label=True)
    known, labels = toy_helmets.streets(200, seed=8)
    clf.calibrate_unknown(known, labels[:, :2], score="energy")
    clf.save(tmp_path / "streets.keras")
    again = keras.saving.load_model(tmp_path / "streets.keras")
    named = clf.predict_names(STREETS, unknown="unknown")
    assert again.predict_names(STREETS, unknown="unknown") == named
    again.learn(STREETS, SHOWN[:, :2], ("car", "bike"), epochs=1, verbose=0)
    with pytest.raises(ValueError, match="has changed since"):
        again.predict_names(STREETS, unknown="unknown")
