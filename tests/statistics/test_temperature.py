import numpy as np
import pytest

from keras_incremental.statistics.solved_columns import best_factor

RANDOM = np.random.default_rng(0)


def drawn(factor, size=4000, num_classes=4):
    """Scores, and labels that are drawn from the probabilities of these."""
    scores = RANDOM.normal(size=(size, num_classes))
    shares = np.exp(factor * scores)
    shares /= shares.sum(-1, keepdims=True)
    edges = shares.cumsum(-1) < RANDOM.uniform(size=(size, 1))
    return scores, edges.sum(-1)


def crossentropy(scores, labels, factor):
    wrong = 1 / (len(labels) + 2)
    targets = np.full(scores.shape, wrong / (scores.shape[1] - 1))
    targets[np.arange(len(labels)), labels] = 1 - wrong
    logits = factor * scores
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    weights = 1 / np.bincount(labels)[labels]
    return -np.sum(weights * np.sum(targets * logs, -1))


@pytest.mark.parametrize("factor", [0.3, 3.0, 10.0])
def test_it_finds_the_factor_that_labels_were_drawn_by(factor):
    assert best_factor(*drawn(factor)) == pytest.approx(factor, rel=0.15)


@pytest.mark.parametrize("size", [5, 50])
def test_it_has_the_least_crossentropy(size):
    scores, labels = drawn(2.0, size)
    found = best_factor(scores, labels)
    least = crossentropy(scores, labels, found)
    for other in (0.9 * found, 0.999 * found, 1.001 * found, 1.1 * found):
        assert crossentropy(scores, labels, other) >= least


def test_samples_that_are_all_right_have_a_finite_factor():
    few = best_factor(np.eye(3), np.arange(3))
    many = best_factor(np.eye(3)[np.arange(300) % 3], np.arange(300) % 3)
    assert 0 < few < many < 20


def test_scores_that_tell_nothing_have_a_small_factor():
    assert best_factor(-np.eye(3), np.arange(3)) < 0.01


def test_without_samples_it_is_one():
    assert best_factor(np.zeros((0, 3)), np.zeros(0, int)) == 1.0
    assert best_factor(np.zeros((4, 1)), np.zeros(4, int)) == 1.0
