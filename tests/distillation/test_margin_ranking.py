import keras
import numpy as np
import pytest

from keras_incremental.distillation import MarginRanking
from keras_incremental.testing.gradients import gradient
from keras_incremental.utils.phase import Phase

PHASE = Phase((2, 3), 2, (1, 1, 5, 5, 5))
SCORES = np.array([[0.5, 0.9, 0.4, 0.1, -0.3]], "float32")


def loss(scores, labels, phase=PHASE, **kwargs):
    term = MarginRanking(**kwargs).for_phase(phase)
    return term.compute_loss({}, {"scores": scores}, np.array(labels))


def value(*args, **kwargs):
    return float(keras.ops.convert_to_numpy(loss(*args, **kwargs)))


@pytest.mark.parametrize(
    ("own", "other", "expected"), [(1.0, 0.4, 0.0), (0.5, 0.4, 0.4)]
)
def test_lucir_margin_values(own, other, expected):
    scores = np.array([[own, other]], "float32")
    phase = Phase((1, 1), 1, (1, 5))
    found = value(scores, [0], phase)
    assert found == pytest.approx(expected, abs=1e-6)


def test_the_nearest_new_classes_are_held_off():
    expected = ((0.5 - 0.5 + 0.4) + (0.5 - 0.5 + 0.1)) / 2
    assert value(SCORES, [0]) == pytest.approx(expected, abs=1e-6)
    one = value(SCORES, [0], num_negatives=1)
    assert one == pytest.approx(0.4, abs=1e-6)


def test_more_negatives_than_new_classes_are_all_of_them():
    expected = value(SCORES, [0], num_negatives=3)
    assert value(SCORES, [0], num_negatives=9) == pytest.approx(expected)


def test_the_mean_is_over_old_samples_only():
    expected = value(SCORES, [0])
    found = value(np.repeat(SCORES, 4, axis=0), [0, 3, -1, 4])
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("label", [2, 4, -1])
def test_a_batch_without_old_samples_gives_zero(label):
    assert value(SCORES, [label]) == 0.0
    slope = gradient(lambda s: loss(s, [label]), SCORES)
    assert not slope.any()


@pytest.mark.parametrize(
    "phase", [Phase((5,), 0, (1,) * 5), Phase((5,), 5, (1,) * 5)]
)
def test_a_phase_of_old_or_of_new_classes_alone_gives_zero(phase):
    assert value(SCORES, [0], phase) == 0.0
    assert not gradient(lambda s: loss(s, [0], phase), SCORES).any()


def test_gradient_pulls_the_own_class_and_pushes_the_new():
    slope = gradient(lambda s: loss(s, [0]), SCORES)
    np.testing.assert_allclose(slope, [[-1, 0, 0.5, 0.5, 0]], atol=1e-6)


def test_labels_are_needed():
    term = MarginRanking().for_phase(PHASE)
    with pytest.raises(ValueError, match="labels=None"):
        term.compute_loss({}, {"scores": SCORES})


def test_a_phase_is_needed():
    with pytest.raises(ValueError, match="for_phase"):
        MarginRanking().compute_loss({}, {"scores": SCORES}, np.array([0]))


@pytest.mark.parametrize("count", [0, 1.5, True])
def test_an_impossible_number_of_negatives_is_refused(count):
    with pytest.raises(ValueError, match="num_negatives="):
        MarginRanking(num_negatives=count)


def test_a_negative_margin_is_refused():
    with pytest.raises(ValueError, match="margin=-1"):
        MarginRanking(margin=-1)
