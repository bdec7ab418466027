import keras
import numpy as np
import pytest
from toy_classifiers import NAMES
from toy_classifiers import classifier
from toy_classifiers import learn
from toy_classifiers import samples

from keras_incremental.problems.decoders import hidden_logits
from keras_incremental.problems.decoders import hidden_probabilities
from keras_incremental.problems.review_formats import limits
from keras_incremental.utils.probabilities import normalized_entropy
from keras_incremental.utils.probabilities import softmax as softmax_of

X, Y = samples(range(3), seed=9)


class OneBatch(keras.utils.PyDataset):
    def __init__(self, pictures):
        super().__init__()
        self.pictures = pictures

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return (self.pictures,)


@pytest.fixture(scope="module")
def logits():
    clf = classifier()
    learn(clf, [2])
    return clf


@pytest.fixture(scope="module")
def softmax():
    clf = classifier(activation="softmax")
    learn(clf, [2])
    return clf


def test_predictions_among_all_classes_are_those_of_keras(logits, softmax):
    for clf in (logits, softmax):
        np.testing.assert_array_equal(
            clf.predict(X, verbose=0),
            keras.Model.predict(clf, X, verbose=0),
        )


def test_hidden_logits_are_lowest_and_the_others_stay(logits):
    everything = logits.predict(X, verbose=0)
    some = logits.predict(X, verbose=0, classes=["bird", "cat"])
    np.testing.assert_array_equal(some[:, [0, 2]], everything[:, [0, 2]])
    assert (some[:, 1] == -1e9).all()
    assert some.dtype == everything.dtype


def test_hidden_probabilities_are_zero_and_the_rest_sums_to_one(softmax):
    everything = softmax.predict(X, verbose=0)
    some = softmax.predict(X, verbose=0, classes=["bird", "cat"])
    assert (some[:, 1] == 0).all()
    np.testing.assert_allclose(some.sum(-1), 1, rtol=1e-6)
    np.testing.assert_allclose(
        some[:, 0] * everything[:, 2], some[:, 2] * everything[:, 0], rtol=1e-5
    )


def test_what_underflows_is_computed_from_logits(softmax):
    far = X[Y == 1] * 300
    assert (softmax.predict(far, verbose=0)[:, [0, 2]] == 0).all(-1).any()
    some = softmax.predict(far, verbose=0, classes=["bird", "cat"])
    np.testing.assert_allclose(some.sum(-1), 1, rtol=1e-6)
    shown = keras.ops.convert_to_numpy(softmax.head(softmax.features(far)))
    np.testing.assert_array_equal(
        some.argmax(-1), np.array([0, 2])[shown[:, [0, 2]].argmax(-1)]
    )
    with pytest.raises(ValueError, match="as an array"):
        softmax.predict(OneBatch(far), verbose=0, classes=["bird", "cat"])


def test_predicted_names_are_among_those_asked_for(logits):
    names = logits.predict_names(X, classes=["dog", "bird"])
    assert set(names) == {"dog", "bird"}
    everything = logits.predict_names(X)
    kept = everything != "cat"
    np.testing.assert_array_equal(names[kept], everything[kept])


def test_names_that_are_not_known_are_refused(logits):
    with pytest.raises(ValueError, match="frog"):
        logits.predict(X, classes=["cat", "frog"])
    with pytest.raises(TypeError, match="list of strings"):
        logits.predict_names(X, classes="cat")
    with pytest.raises(ValueError, match="non-empty"):
        logits.predict_names(X, classes=[])


def test_hidden_logits_fit_into_small_numbers():
    logits = np.array([[1.0, 2.0]], "float16")
    hidden = hidden_logits(logits, np.array([True, False]))
    assert hidden.dtype == "float16" and np.isfinite(hidden).all()
    assert hidden.argmax(-1) == 0


def test_maps_are_restricted_and_judged_by_pixel():
    maps = np.random.default_rng(0).normal(size=(2, 3, 4, 3))
    shown = np.array([True, False, True])
    assert (hidden_logits(maps, shown)[..., 1] == -1e9).all()
    result, lost = hidden_probabilities(softmax_of(maps), shown)
    np.testing.assert_allclose(result.sum(-1), np.ones((2, 3, 4)))
    assert lost.shape == (2, 3, 4) and not lost.any()
    entropy, best = normalized_entropy(np.float64(maps)), maps.argmax(-1)
    np.testing.assert_array_equal(
        limits(entropy, best, NAMES[:3]).ravel(),
        limits(entropy.ravel(), best.ravel(), NAMES[:3]),
    )


def test_entropy_is_zero_when_sure_and_one_when_not():
    np.testing.assert_allclose(
        normalized_entropy([[0.0, 0, 0], [1e4, 0, 0], [5.0, 5.0, -1e9]]),
        [1, 0, np.log(2) / np.log(3)],
    )
    assert normalized_entropy([[7.0]]).tolist() == [0]


def named(proposed):
    """Where a name is proposed, not `None`."""
    return np.array([name is not None for name in proposed], bool)


def is_known(clf, x):
    return clf.predict_names(x, unknown="unknown") != "unknown"


def test_half_of_what_is_known_of_each_class_is_proposed_or_more(logits):
    x, _ = samples([0, 1, 2], 200, seed=8)
    noise = np.random.default_rng(0).normal(size=x.shape)
    noisy = (x + noise * 2).astype("float32")
    proposed, known = logits.propose(noisy), is_known(logits, noisy)
    predicted = logits.predict_names(noisy)
    assert known.any() and not known.all()
    assert not named(proposed[~known]).any()
    for name in NAMES[:3]:
        given = proposed[known & (predicted == name)]
        assert set(given) <= {name, None}
        assert named(given).mean() > 0.45


def test_a_threshold_takes_what_is_surer_than_it(logits):
    entropy = normalized_entropy(np.float64(logits.predict(X, verbose=0)))
    for threshold in (0.01, 0.1, 0.5):
        taken = named(logits.propose(X, threshold))
        expected = (entropy < threshold) & is_known(logits, X)
        np.testing.assert_array_equal(taken, expected)
    assert not named(logits.propose(X, 0)).any()


def test_a_threshold_may_be_of_one_class(logits):
    proposed = logits.propose(X, {"cat": 0.0})
    predicted = logits.predict_names(X)
    assert (predicted == "cat").any()
    assert not named(proposed[predicted == "cat"]).any()
    np.testing.assert_array_equal(
        proposed[predicted != "cat"], logits.propose(X)[predicted != "cat"]
    )


def test_thresholds_that_cannot_be_are_refused(logits):
    for threshold in (1.5, "sure", True, {"cat": -1}):
        with pytest.raises(ValueError, match="from 0 to 1"):
            logits.propose(X, threshold)
    with pytest.raises(ValueError, match="frog"):
        logits.propose(X, {"frog": 0.5})
