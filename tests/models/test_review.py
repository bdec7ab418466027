import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits
from toy_classifiers import classifier
from toy_classifiers import samples

from keras_incremental.models import IncrementalClassifier
from keras_incremental.models.unknown.review import ReviewQueue
from keras_incremental.problems import PartialLabels

KNOWN, _ = samples([0, 1], count=200, seed=20)
MIXED, TRUTH = samples([0, 1, 2, 3], count=25, seed=22)


@pytest.fixture(scope="module")
def clf():
    result = classifier()
    result.calibrate_unknown(KNOWN)
    return result


def test_unknown_ones_come_first_and_the_most_doubtful_follow(clf):
    queue = clf.review(MIXED)
    kinds = queue.reasons.tolist()
    assert kinds == sorted(kinds, reverse=True)
    for reason in ("unknown", "uncertain"):
        scores = queue.scores[queue.reasons == reason]
        assert len(scores) and (np.diff(scores) <= 0).all()
    assert (queue.scores[queue.reasons == "uncertain"] <= 1).all()
    np.testing.assert_array_equal(queue.samples, MIXED[queue.indices])
    np.testing.assert_array_equal(
        queue.names, clf.predict_names(MIXED)[queue.indices]
    )


def test_a_queue_holds_what_gets_no_proposal(clf):
    for threshold in (None, 0.3, {"cat": 0.9}):
        queue = clf.review(MIXED, threshold)
        proposed = clf.propose(MIXED, threshold)
        missing = np.flatnonzero([name is None for name in proposed])
        assert sorted(queue.indices) == missing.tolist()


def test_unknown_ones_are_those_that_are_rejected(clf):
    queue = clf.review(MIXED)
    unknown = clf.predict_names(MIXED, unknown="unknown") == "unknown"
    np.testing.assert_array_equal(
        np.sort(queue.indices[queue.reasons == "unknown"]),
        np.flatnonzero(unknown),
    )


def test_without_statistics_all_are_doubtful():
    queue = classifier(remembered=False).review(MIXED)
    assert set(queue.reasons) == {"uncertain"}
    assert len(queue.clusters()) == 0


def test_a_queue_may_be_cut(clf):
    whole, part = clf.review(MIXED), clf.review(MIXED, count=4)
    np.testing.assert_array_equal(part.indices, whole.indices[:4])
    assert len(part) == 4
    with pytest.raises(ValueError, match="count"):
        clf.review(MIXED, count=0)


def test_answers_by_index_leave_out_what_is_not_clear(clf):
    queue = clf.review(MIXED, count=5)
    first, second, third = queue.indices[:3].tolist()
    x, y, classes = queue.answer({third: "cat", first: "fish", second: None})
    np.testing.assert_array_equal(x, MIXED[[third, first]])
    assert classes is None and y.tolist() == ["cat", "fish"]


def test_answers_in_order_are_one_for_each(clf):
    queue = clf.review(MIXED, count=3)
    answered = queue.answer(["a", None, "c"])
    np.testing.assert_array_equal(answered.x, queue.samples[[0, 2]])
    assert answered.y.tolist() == ["a", "c"]
    assert len(queue.answer([None] * 3).y) == 0


def test_answers_that_do_not_fit_are_refused(clf):
    queue = clf.review(MIXED, count=3)
    with pytest.raises(ValueError, match="not in the queue"):
        queue.answer({12345: "fish"})
    with pytest.raises(ValueError, match="2 names for 3 samples"):
        queue.answer(["a", "b"])
    for odd in (3, " "):
        with pytest.raises(TypeError, match="must be names"):
            queue.answer([odd, "b", "c"])


def test_a_queue_is_shown_as_a_table(clf):
    queue = clf.review(MIXED)
    lines = str(queue).splitlines()
    unknown = (queue.reasons == "unknown").sum()
    assert lines[0] == (
        f"{len(queue)} samples to review: {unknown} unknown, "
        f"{len(queue) - unknown} uncertain"
    )
    assert lines[1].split() == ["index", "reason", "proposed", "score"]
    cells = lines[2].split()
    assert cells[:3] == [str(queue.indices[0]), "unknown", queue.names[0]]
    assert lines[-1] == f"  and {len(queue) - 10} more"


def test_an_empty_queue_is_shown_too():
    queue = classifier().review(MIXED, threshold=1.0)
    assert isinstance(queue, ReviewQueue)
    assert str(queue).splitlines()[0].startswith(f"{len(queue)} samples")


def test_what_a_person_answers_can_be_learnt(clf):
    taught = classifier()
    queue = taught.review(MIXED, threshold=0.0)
    truth = ["cat", "dog", "bird", "fish"]
    answered = queue.answer({i: truth[TRUTH[i]] for i in queue.indices})
    report = taught.learn(*answered, epochs=10, verbose=0)
    assert set(report.new_classes) == {"bird", "fish"}


def test_proposals_can_be_learnt_with_what_they_leave_open():
    taught = classifier()
    birds, _ = samples([2], count=25, seed=4)
    proposed = taught.propose(MIXED, threshold=0.3)
    assert None in proposed.tolist()
    report = taught.learn(
        np.concatenate([MIXED, birds]),
        [*proposed, *["bird"] * 25],
        partial_labels=PartialLabels("unknown", parents={"bird": None}),
        epochs=5,
        verbose=0,
    )
    assert report.new_classes == ("bird",)


# The story: digits turn up that nobody has told the model of.

NEW = ("4", "7")


def digits():
    """Pictures and names, in an order of their own: known and new ones."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = (x[order] / 16).astype("float32"), y[order].astype(str)
    new = np.isin(y, NEW)
    return (x[~new], y[~new]), (x[new], y[new])


def trained(x, y):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(8)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss)
    names, labels = np.unique(y, return_inverse=True)
    model.fit(x, labels, batch_size=100, epochs=40, verbose=0)
    return IncrementalClassifier(model, names.tolist())


def test_an_unknown_class_is_found_named_and_learnt():
    (x, y), (x_new, y_new) = digits()
    clf = trained(x[:600], y[:600])
    clf.remember(x[:600], y[:600])
    x_fresh, y_fresh = x[1000:], y[1000:]

    rejector = clf.calibrate_unknown(x[600:1000], y[600:1000])
    low, high = rejector.interval
    alarms = clf.predict_names(x_fresh, unknown="?") == "?"
    assert low <= alarms.mean() <= high

    # What comes in: pictures of what is known, and of what is not.
    stream = np.concatenate([x_fresh, x_new[:180]])
    truth = np.concatenate([y_fresh, y_new[:180]])
    queue = clf.review(stream)
    unknown = queue.indices[queue.reasons == "unknown"]
    found = np.isin(np.flatnonzero(np.isin(truth, NEW)), unknown)
    assert found.mean() > 0.8

    # A person looks at the most central picture of each cluster only.
    clusters = queue.clusters()
    assert len(clusters) <= 6
    seen = [truth[index] for index in clusters.centers]
    assert set(seen[:2]) == set(NEW)
    answers = clusters.named(seen)
    assert np.mean([truth[i] == name for i, name in answers.items()]) > 0.8

    report = clf.learn(*queue.answer(answers), verbose=0)
    assert set(NEW) <= set(report.new_classes)
    recognised = clf.predict_names(x_new[180:]) == y_new[180:]
    assert recognised.mean() > 0.9
    assert (clf.predict_names(x_fresh) == y_fresh).mean() > 0.9
    assert clf.rejector.estimated
