import keras
import numpy as np
import pytest

from keras_incremental.losses import NCALoss
from keras_incremental.testing.gradients import gradient

LABELS = np.array([0, 2])
SCORES = np.array([[0.5, 0.4, -0.2], [0.1, 0.3, 0.9]], "float32")


def test_without_margin_it_is_the_crossentropy_of_the_scaled_scores():
    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    z = 5 * SCORES
    value = float(NCALoss(margin=0.0, scale=5.0)(LABELS, z))
    assert value == pytest.approx(float(plain(LABELS, z)), rel=1e-5)


@pytest.mark.parametrize("hinge", [False, True])
def test_the_margin_is_taken_off_the_true_class_alone(hinge):
    eta, delta = 5.0, 0.6
    expected = []
    for s, y in zip(np.float64(SCORES), LABELS, strict=True):
        true = eta * (s[y] - delta)
        total = np.exp(eta * np.delete(s, y)).sum()
        total += 0 if hinge else np.exp(true)
        value = np.log(total) - true
        expected.append(max(value, 0) if hinge else value)
    loss = NCALoss(margin=delta, scale=eta, hinge=hinge)
    value = float(loss(LABELS, eta * SCORES))
    assert value == pytest.approx(np.mean(expected), rel=1e-5)


def test_the_margin_is_not_shifted_away():
    with_margin = float(NCALoss(margin=0.6)(LABELS, SCORES))
    without = float(NCALoss(margin=0.0)(LABELS, SCORES))
    assert with_margin > without + 0.1


def test_a_hinge_stops_where_the_true_class_wins_clearly():
    z = np.array([[9.0, 0, 0], [0, 0, 9]], "float32")
    loss = NCALoss(hinge=True)
    assert float(loss(LABELS, z)) == 0.0
    assert not gradient(lambda z: loss(LABELS, z), z).any()


def test_a_single_class_gives_no_hinge():
    assert float(NCALoss(hinge=True)(np.array([0]), np.ones((1, 1)))) == 0.0


@pytest.mark.parametrize("margin", [-0.1, 2.1, float("nan")])
def test_a_margin_that_is_no_difference_of_cosines_is_refused(margin):
    with pytest.raises(ValueError, match="margin="):
        NCALoss(margin=margin)


@pytest.mark.parametrize("scale", [0.0, float("nan"), float("inf")])
def test_a_scale_that_is_not_above_zero_is_refused(scale):
    with pytest.raises(ValueError, match="scale="):
        NCALoss(scale=scale)
