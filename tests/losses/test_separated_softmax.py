import keras
import numpy as np
import pytest

from keras_incremental.losses import SeparatedSoftmax
from keras_incremental.losses import candidate_set_crossentropy
from keras_incremental.testing.gradients import gradient
from keras_incremental.utils.phase import Phase

LABELS = np.array([0, 3, 2, 1])
Z = np.array(
    [[0.3, 1, -2, 0], [1, 1, 0, 2], [0, 2, 1, -1], [-1, 0.5, 1, 4]], "float32"
)
PHASE = Phase(group_sizes=(2, 2), num_old=2, counts=(1, 1, 5, 5))


def test_ssil_separation():
    slope = gradient(lambda z: SeparatedSoftmax(num_old=2)(LABELS, z), Z)
    assert not slope[[1, 2], :2].any() and slope[[1, 2], 2:].all()
    assert not slope[[0, 3], 2:].any() and slope[[0, 3], :2].all()


def test_value_is_the_crossentropy_within_the_own_side():
    def by_hand(z, label):
        return np.log(np.exp(np.float64(z)).sum()) - z[label]

    sides = [Z[0, :2], Z[1, 2:], Z[2, 2:], Z[3, :2]]
    losses = [by_hand(z, y) for z, y in zip(sides, [0, 1, 0, 1], strict=True)]
    value = float(SeparatedSoftmax(num_old=2)(LABELS, Z))
    assert value == pytest.approx(np.mean(losses), rel=1e-5)


def test_it_is_the_candidate_set_crossentropy_of_a_denominator():
    table = np.kron(np.eye(2), np.ones((2, 2)))
    expected = candidate_set_crossentropy(LABELS, Z, denominator=table)
    found = SeparatedSoftmax(num_old=2, reduction=None)(LABELS, Z)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(found),
        keras.ops.convert_to_numpy(expected),
        rtol=1e-5,
    )


def test_a_single_new_class_gives_nothing_but_counts_in_the_mean():
    loss = SeparatedSoftmax(num_old=2)
    labels, z = np.array([2, 0]), Z[:2, :3]
    alone = float(loss(labels[1:], z[1:]))
    assert float(loss(labels, z)) == pytest.approx(alone / 2, rel=1e-5)


@pytest.mark.parametrize("num_old", [0, 4])
def test_with_one_group_it_is_the_crossentropy(num_old):
    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    value = float(SeparatedSoftmax(num_old=num_old)(LABELS, Z))
    assert value == pytest.approx(float(plain(LABELS, Z)), rel=1e-5)


def test_a_phase_tells_how_many_classes_are_old():
    loss = SeparatedSoftmax(reduction="sum", name="ours")
    bound = loss.for_phase(PHASE)
    assert (loss.num_old, bound.num_old) == (0, 2)
    assert (bound.reduction, bound.name) == ("sum", "ours")


@pytest.mark.parametrize("num_old", [-1, 1.5, True, None])
def test_a_number_of_old_classes_that_is_none_is_refused(num_old):
    with pytest.raises(ValueError, match="`num_old` of SeparatedSoftmax"):
        SeparatedSoftmax(num_old=num_old)


def test_a_class_that_arrives_alone_is_compared_with_all():
    alone = Phase(group_sizes=(3, 1), num_old=3, counts=(1, 1, 1, 5))
    assert SeparatedSoftmax().for_phase(alone).num_old == 0
