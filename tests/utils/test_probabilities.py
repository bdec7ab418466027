import numpy as np
import pytest

from keras_incremental.utils.probabilities import entropy_thresholds
from keras_incremental.utils.probabilities import logsumexp
from keras_incremental.utils.probabilities import normalized_entropy
from keras_incremental.utils.probabilities import softmax

RANDOM = np.random.default_rng(0)


def test_softmax_and_logsumexp_agree_with_their_definitions():
    logits = RANDOM.normal(size=(4, 3))
    powers = np.exp(logits)
    total = powers.sum(-1, keepdims=True)
    np.testing.assert_allclose(softmax(logits), powers / total)
    np.testing.assert_allclose(logsumexp(logits), np.log(total))


def test_large_logits_do_not_overflow():
    logits = np.array([[1e4, 0.0], [-1e9, 0.0]])
    np.testing.assert_array_equal(softmax(logits), [[1, 0], [0, 1]])
    np.testing.assert_array_equal(logsumexp(logits), [[1e4], [0.0]])


def test_entropy_is_zero_if_certain_and_one_if_all_are_alike():
    entropies = normalized_entropy([[90.0, 0, 0], [0, 5, 5], [1, 1, 1]])
    expected = [0, (np.log(2) + np.exp(-5) * 3) / np.log(3), 1]
    np.testing.assert_allclose(entropies, expected, atol=0.01)


def test_entropy_of_a_single_class_is_zero():
    assert normalized_entropy([[2.0], [-3.0]]).tolist() == [0, 0]


def test_entropy_keeps_float32():
    assert normalized_entropy(np.float32([[1, 2]])).dtype == "float32"


def test_thresholds_are_medians_of_each_predicted_class():
    predicted = np.array([0, 0, 0, 2, 2])
    entropies = np.array([0.1, 0.6, 0.4, 0.01, 0.02])
    found = entropy_thresholds(entropies, predicted, 3, minimum=0.05)
    np.testing.assert_allclose(found, [0.4, 0.05, 0.05])


def test_about_half_of_each_class_is_certain():
    logits = RANDOM.normal(size=(400, 3))
    predicted, entropies = logits.argmax(-1), normalized_entropy(logits)
    thresholds = entropy_thresholds(entropies, predicted, 3)
    certain = entropies < thresholds[predicted]
    for k in range(3):
        assert certain[predicted == k].mean() == pytest.approx(0.5, abs=0.01)
