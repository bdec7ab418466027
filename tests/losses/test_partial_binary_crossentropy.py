import numpy as np
import pytest
from keras import ops

from keras_incremental import layers
from keras_incremental.losses import PartialBinaryCrossentropy
from keras_incremental.testing.gradients import gradient

Z = np.array([[0.3, 1, -2], [1, 1, 0.5]], "float32")
FULL = np.array([[1, 0, 0], [0, 1, 1]])
SOME = np.array([[1, -1, 0], [-1, -1, 1]])


def binary(y, z):
    return np.logaddexp(0, np.float64(z)) - np.float64(y) * z


def test_the_mean_is_over_the_known_entries():
    known = [binary(1, 0.3), binary(0, -2), binary(1, 0.5)]
    result = float(PartialBinaryCrossentropy()(SOME, Z))
    assert result == pytest.approx(np.mean(known), rel=1e-6)


@pytest.mark.parametrize("per_sample", [False, True])
def test_with_all_known_it_is_the_plain_mean(per_sample):
    result = float(PartialBinaryCrossentropy(per_sample)(FULL, Z))
    assert result == pytest.approx(binary(FULL, Z).mean(), rel=1e-6)


@pytest.mark.parametrize("per_sample", [False, True])
def test_unknown_entries_have_no_gradient(per_sample):
    loss = PartialBinaryCrossentropy(per_sample)
    slope = gradient(lambda z: loss(SOME, z), Z)
    np.testing.assert_array_equal(slope != 0, SOME != -1)


@pytest.mark.parametrize("per_sample", [False, True])
def test_a_batch_of_which_nothing_is_known_costs_and_moves_nothing(per_sample):
    loss = PartialBinaryCrossentropy(per_sample)
    nothing = np.full((2, 3), -1)
    assert float(loss(nothing, Z)) == 0.0
    assert not gradient(lambda z: loss(nothing, z), Z).any()


@pytest.mark.parametrize("per_sample", [False, True])
def test_samples_of_which_nothing_is_known_do_not_change_the_mean(per_sample):
    loss = PartialBinaryCrossentropy(per_sample)
    diluted = np.concatenate([SOME, np.full((2, 3), -1)])
    result = float(loss(diluted, np.tile(Z, (2, 1))))
    assert result == pytest.approx(float(loss(SOME, Z)), rel=1e-6)


def test_a_sample_by_itself_counts_by_the_share_that_is_known():
    loss = PartialBinaryCrossentropy(per_sample=True)
    first = (4 / 9 * 3 / 2 + 5 / 9) * (binary(1, 0.3) + binary(0, -2)) / 3
    second = (4 / 9 * 3 + 5 / 9) * binary(1, 0.5) / 3
    expected = (first + second) / 2
    assert float(loss(SOME, Z)) == pytest.approx(expected, rel=1e-6)


def test_a_class_counts_5_times_where_a_tenth_is_known():
    loss = PartialBinaryCrossentropy(per_sample=True)
    target = np.array([[1] + [-1] * 9])
    result = float(loss(target, np.zeros((1, 10))))
    assert result == pytest.approx(5 * np.log(2) / 10, rel=1e-6)


def test_probabilities_may_be_targets():
    target = np.array([[0.25, -1, -1]])
    slope = gradient(lambda z: PartialBinaryCrossentropy()(target, z), Z[:1])
    expected = 1 / (1 + np.exp(-0.3)) - 0.25
    np.testing.assert_allclose(slope, [[expected, 0, 0]], rtol=1e-5)


def test_probabilities_give_the_same_loss_as_their_logits():
    p = 1 / (1 + np.exp(-Z))
    result = float(PartialBinaryCrossentropy(from_logits=False)(SOME, p))
    expected = float(PartialBinaryCrossentropy()(SOME, Z))
    assert result == pytest.approx(expected, rel=1e-5)
    sure = np.array([[0.0, 1, 0.5]])
    loss = PartialBinaryCrossentropy(from_logits=False)
    assert np.isfinite(float(loss(FULL[:1], sure)))


def test_weights_are_of_samples_or_of_entries():
    loss = PartialBinaryCrossentropy(reduction="sum")
    first = binary(1, 0.3) + binary(0, -2)
    result = float(loss(SOME, Z, sample_weight=np.array([3.0, 1.0])))
    expected = 3 * first + binary(1, 0.5)
    assert result == pytest.approx(expected, rel=1e-5)
    entries = np.array([[3.0, 1, 1], [1, 1, 1]])
    result = float(loss(SOME, Z, sample_weight=entries))
    expected = 3 * binary(1, 0.3) + binary(0, -2) + binary(1, 0.5)
    assert result == pytest.approx(expected, rel=1e-5)


def test_maps_have_targets_at_each_position():
    loss = PartialBinaryCrossentropy()
    maps = float(loss(SOME[None], Z[None]))
    assert maps == pytest.approx(float(loss(SOME, Z)), rel=1e-6)


def test_old_outputs_stay_where_only_the_new_class_is_labeled():
    inputs = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    head = layers.ExpandableDense(2)
    head.build((None, 4))
    head.expand(1, seed=0)
    kernel = head.columns("kernel")
    before = ops.convert_to_numpy(head(inputs)).copy()
    targets = np.array([[-1, -1, k % 2] for k in range(5)])
    loss = PartialBinaryCrossentropy()
    slope = gradient(lambda w: loss(targets, ops.matmul(inputs, w)), kernel)
    head.assign_columns("kernel", kernel - slope)
    after = ops.convert_to_numpy(head(inputs))
    np.testing.assert_array_equal(after[:, :2], before[:, :2])
    assert (after[:, 2] != before[:, 2]).all()


def test_targets_that_are_no_answer_are_refused():
    with pytest.raises(ValueError, match=r"-1 for unknown.*\[255\]"):
        PartialBinaryCrossentropy()(np.array([[1, 0, 255]]), Z[:1])
    with pytest.raises(ValueError, match="one target for each class"):
        PartialBinaryCrossentropy()(np.array([1, 0]), Z)


def test_targets_that_are_no_answer_are_loud_within_a_step():
    targets = ops.convert_to_tensor(np.array([[1, 0, 255]]))
    assert float(PartialBinaryCrossentropy()(targets, Z[:1])) > 1e8
