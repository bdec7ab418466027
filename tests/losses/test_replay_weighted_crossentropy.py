import keras
import numpy as np
import pytest

from keras_incremental.losses import ReplayWeightedCrossentropy
from keras_incremental.testing.gradients import gradient
from keras_incremental.utils.phase import Phase

LABELS = np.array([2, 3, 0, 1])
Z = np.array(
    [[0.3, 1, -2, 0], [1, 1, 0, 2], [0, 2, 1, -1], [-1, 0.5, 1, 4]], "float32"
)
PHASE = Phase(group_sizes=(2, 2), num_old=2, counts=(1, 1, 5, 5))


def crossentropies():
    z = Z.astype("float64")
    own = z[np.arange(4), LABELS]
    return np.log(np.exp(z).sum(-1)) - own


def test_value_is_the_sum_of_two_means():
    one = crossentropies()
    expected = one[:2].mean() + 0.5 * one[2:].mean()
    value = float(ReplayWeightedCrossentropy(0.5, num_old=2)(LABELS, Z))
    assert value == pytest.approx(expected, rel=1e-5)


def test_with_weight_zero_the_labels_of_exemplars_pull_at_nothing():
    loss = ReplayWeightedCrossentropy(0.0, num_old=2)
    slope = gradient(lambda z: loss(LABELS, z), Z)
    assert not slope[2:].any() and slope[:2].all()


def test_without_old_classes_it_is_the_crossentropy():
    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    value = float(ReplayWeightedCrossentropy(0.0)(LABELS, Z))
    assert value == pytest.approx(float(plain(LABELS, Z)), rel=1e-5)


def test_a_batch_of_exemplars_alone_keeps_their_weight():
    loss = ReplayWeightedCrossentropy(0.5, num_old=2)
    value = float(loss(LABELS[2:], Z[2:]))
    assert value == pytest.approx(0.5 * crossentropies()[2:].mean(), rel=1e-5)


def test_a_phase_tells_how_many_classes_are_old():
    loss = ReplayWeightedCrossentropy(0.2)
    assert loss.for_phase(PHASE).num_old == 2
    assert loss.num_old == 0


@pytest.mark.parametrize("weight", [-1.0, float("nan")])
def test_a_wrong_weight_is_refused(weight):
    with pytest.raises(ValueError, match="weight="):
        ReplayWeightedCrossentropy(weight)
