import keras
import numpy as np
import pytest

from keras_incremental.losses import LogitAdjustedCrossentropy
from keras_incremental.testing.gradients import gradient
from keras_incremental.utils.phase import Phase

LABELS = np.array([0, 2, 1])
Z = np.array([[0.3, 1, -2], [1, 1, 0], [0, 2, 1]], "float32")
COUNTS = [500, 20, 20]


def softmax(z):
    e = np.exp(np.float64(z) - np.max(z, -1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_logit_adjust_uniform_equals_ce():
    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    expected = float(plain(LABELS, Z))
    for counts in (None, [7, 7, 7]):
        loss = LogitAdjustedCrossentropy(counts=counts)
        assert float(loss(LABELS, Z)) == pytest.approx(expected, rel=1e-5)


def test_zero_logits_say_the_shares_of_the_classes():
    loss = LogitAdjustedCrossentropy(counts=COUNTS, reduction=None)
    losses = loss(np.array([0, 1, 2]), np.zeros((3, 3), "float32"))
    shares = np.exp(-keras.ops.convert_to_numpy(losses))
    np.testing.assert_allclose(shares, [0.926, 0.037, 0.037], atol=5e-4)


def test_gradient_is_the_adjusted_softmax_minus_the_label():
    loss = LogitAdjustedCrossentropy(counts=COUNTS, reduction="sum")
    slope = gradient(lambda z: loss(LABELS, z), Z)
    expected = softmax(Z + np.log(COUNTS)) - np.eye(3)[LABELS]
    np.testing.assert_allclose(slope, expected, atol=1e-6)


def test_logits_of_the_likelihood_are_the_minimum_whatever_the_counts():
    likelihood = np.array([[0.6, 0.1, 0.3]])
    prior = np.array(COUNTS) / sum(COUNTS)
    posterior = (likelihood * prior / (likelihood @ prior))[0]
    posterior = posterior.astype("float32")
    loss = LogitAdjustedCrossentropy(counts=COUNTS, reduction=None)
    z = np.log(likelihood).astype("float32")

    def expected_loss(z):
        each = loss(np.array([0, 1, 2]), keras.ops.repeat(z, 3, axis=0))
        return keras.ops.sum(keras.ops.multiply(each, posterior))

    np.testing.assert_allclose(gradient(expected_loss, z), 0.0, atol=1e-6)


def test_tau_multiplies_the_shift():
    loss = LogitAdjustedCrossentropy(tau=0.5, counts=[4, 1], reduction="sum")
    value = float(loss(np.array([1]), np.zeros((1, 2), "float32")))
    assert value == pytest.approx(np.log(3), rel=1e-6)


def test_a_class_that_is_never_shown_counts_as_one_sample():
    loss = LogitAdjustedCrossentropy(counts=[1, 0])
    value = float(loss(np.array([1]), np.zeros((1, 2), "float32")))
    assert value == pytest.approx(np.log(2), rel=1e-6)


def test_a_phase_tells_the_counts():
    loss = LogitAdjustedCrossentropy(tau=0.7)
    bound = loss.for_phase(Phase((2, 1), 2, (20, 20, 500)))
    assert loss.counts is None
    assert (bound.counts, bound.tau) == ([20, 20, 500], 0.7)


def test_counts_of_other_classes_are_refused():
    loss = LogitAdjustedCrossentropy(counts=[1, 2])
    with pytest.raises(ValueError, match="counts of 2 classes.*has 3"):
        loss(LABELS, Z)


@pytest.mark.parametrize("counts", [[], [1, -1]])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(ValueError, match="`counts`"):
        LogitAdjustedCrossentropy(counts=counts)


@pytest.mark.parametrize("tau", [-1.0, float("nan"), float("inf")])
def test_an_impossible_tau_is_refused(tau):
    with pytest.raises(ValueError, match="tau="):
        LogitAdjustedCrossentropy(tau=tau)
