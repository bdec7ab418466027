import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental.losses import PositiveUnlabeledLoss
from keras_incremental.testing.gradients import gradient

# A line on which negatives lie around 0 and positives around 2.
GRID = np.linspace(-6, 8, 281)
POSITIVES = np.exp(-((GRID - 2) ** 2) / 2)
POSITIVES = POSITIVES / POSITIVES.mean()
NEGATIVES = np.exp(-(GRID**2) / 2)
NEGATIVES = NEGATIVES / NEGATIVES.mean()


def softplus(s):
    return np.logaddexp(0, np.float64(s))


def column(values):
    return np.array(values, "float32")[:, None]


def population(prior):
    """Positives and unlabeled samples at each point, by their density."""
    unlabeled = prior * POSITIVES + (1 - prior) * NEGATIVES
    labels = np.repeat([1, 0], len(GRID))
    weights = np.concatenate([POSITIVES, unlabeled]).astype("float32")
    return labels, np.tile(GRID, 2).astype("float32"), weights


def on_line(x, line):
    points = np.stack([x, np.ones_like(x)], axis=1)
    return ops.matmul(points, line)[:, None]


def value(loss, labels, logits, **kwargs):
    return float(loss(np.array(labels), column(logits), **kwargs))


def slope(loss, labels, logits):
    labels = np.array(labels)
    return gradient(lambda z: loss(labels, z), column(logits))[:, 0]


def test_value_by_hand():
    loss = PositiveUnlabeledLoss(prior=0.3)
    rest = (softplus(-0.5) + softplus(1.0) + softplus(-2.0)) / 3
    rest -= 0.3 * (softplus(1.5) + softplus(-1.0)) / 2
    expected = 0.3 * (softplus(-1.5) + softplus(1.0)) / 2 + rest
    labels, logits = [1, 0, 0, 1, 0], [1.5, -0.5, 1.0, -1.0, -2.0]
    assert rest > 0
    assert value(loss, labels, logits) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("prior", [0.1, 0.5])
def test_with_the_true_share_the_bayes_boundary_is_the_best(prior):
    labels, x, weights = population(prior)
    loss = PositiveUnlabeledLoss(prior)

    def risk(line):
        return loss(labels, on_line(x, line), weights)

    best = np.array([2.0, -2.0 + np.log(prior / (1 - prior))], "float32")
    np.testing.assert_allclose(gradient(risk, best), 0.0, atol=1e-5)
    boundary = 1 - np.log(prior / (1 - prior)) / 2
    assert -best[1] / best[0] == pytest.approx(boundary)
    assert float(risk(best)) < float(risk(best + np.float32([0.0, 0.1])))
    assert float(risk(best)) < float(risk(best - np.float32([0.1, 0.0])))


def test_the_risk_of_negatives_is_that_of_true_negatives():
    prior = 0.4
    labels, x, weights = population(prior)
    logits = (0.5 * x - 0.2)[:, None]
    whole = PositiveUnlabeledLoss(prior)(labels, logits, weights)
    positive = prior * np.mean(POSITIVES * softplus(-0.5 * GRID + 0.2))
    negative = (1 - prior) * np.mean(NEGATIVES * softplus(0.5 * GRID - 0.2))
    assert negative > 0
    assert float(whole) == pytest.approx(positive + negative, rel=1e-4)


def test_a_share_of_0_leaves_the_mean_over_the_unlabeled():
    loss = PositiveUnlabeledLoss(prior=0.0)
    expected = (softplus(0.5) + softplus(-1.0)) / 2
    result = value(loss, [0, 1, 0], [0.5, 7.0, -1.0])
    assert result == pytest.approx(expected, rel=1e-6)


def test_an_overfitted_risk_counts_as_0_and_is_stepped_against():
    labels, logits = [1, 0], [2.0, -5.0]
    rest = softplus(-5.0) - 0.5 * softplus(2.0)
    assert rest < 0
    result = value(PositiveUnlabeledLoss(0.5), labels, logits)
    assert result == pytest.approx(0.5 * softplus(-2.0), rel=1e-5)
    found = slope(PositiveUnlabeledLoss(0.5, gamma=0.7), labels, logits)
    sigmoid = 1 / (1 + np.exp(-np.array(logits)))
    expected = 0.7 * np.array([0.5, -1]) * sigmoid
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_little_overfitting_is_let_be():
    labels, logits = [1, 0], [2.0, -5.0]
    rest = softplus(-5.0) - 0.5 * softplus(2.0)
    result = value(PositiveUnlabeledLoss(0.5, beta=2.0), labels, logits)
    assert result == pytest.approx(0.5 * softplus(-2.0) + rest, rel=1e-5)
    result = value(PositiveUnlabeledLoss(0.5, beta=0.1), labels, logits)
    assert result == pytest.approx(0.5 * softplus(-2.0) - 0.1, rel=1e-5)


def test_a_batch_of_one_kind_only_is_learned_from():
    loss = PositiveUnlabeledLoss(0.5)
    assert slope(loss, [1, 1], [1.0, 0.0]).max() < 0
    assert slope(loss, [0, 0], [1.0, 0.0]).min() > 0


def test_what_does_not_count_changes_nothing():
    loss = PositiveUnlabeledLoss(0.3)
    labels, logits = [1, 0, 0], [1.5, -0.5, 1.0]
    expected = value(loss, labels, logits)
    result = value(loss, [*labels, -1, -1], [*logits, 3.0, -9.0])
    assert result == pytest.approx(expected, rel=1e-6)
    assert value(loss, [-1, -1], [1.0, 2.0]) == 0.0
    assert not slope(loss, [-1, -1], [1.0, 2.0]).any()


def test_maps_of_logits_are_one_batch():
    loss = PositiveUnlabeledLoss(0.3)
    labels = np.array([1, 0, 0, 1, 0, 0])
    logits = np.array([1.0, -2, 0.5, 0.1, 2, -1], "float32")
    flat = value(loss, labels, logits)
    maps = loss(labels.reshape(1, 2, 3), logits.reshape(1, 2, 3, 1))
    assert float(maps) == pytest.approx(flat, rel=1e-6)


@pytest.mark.parametrize("prior", [-0.1, 1.0, float("nan")])
def test_a_prior_that_is_no_share_is_refused(prior):
    with pytest.raises(ValueError, match="`prior` of PositiveUnlabeledLoss"):
        PositiveUnlabeledLoss(prior)


def test_logits_of_several_classes_are_refused():
    with pytest.raises(ValueError, match="z\\[..., child, None\\]"):
        PositiveUnlabeledLoss(0.1)(np.array([1, 0]), np.zeros((2, 3)))


def test_labels_of_other_kinds_are_refused():
    with pytest.raises(ValueError, match=r"1 for positive.*\[2\]"):
        PositiveUnlabeledLoss(0.1)(np.array([1, 2]), np.zeros((2, 1)))


def test_it_finds_more_than_unlabeled_taken_for_negatives():
    random = np.random.default_rng(0)
    hidden = random.normal(2.0, 1.0, 400)
    x = [random.normal(2.0, 1.0, 300), hidden, random.normal(0.0, 1.0, 600)]
    x = np.concatenate(x).astype("float32")
    labels = np.repeat([1, 0], [300, 1000])

    def recall(loss):
        line = np.zeros(2, "float32")
        for _ in range(30):
            line = line - gradient(
                lambda at: loss(labels, on_line(x, at)), line
            )
        return np.mean(line[0] * hidden + line[1] > 0)

    naive = recall(keras.losses.BinaryCrossentropy(from_logits=True))
    assert recall(PositiveUnlabeledLoss(0.4)) > naive + 0.3
