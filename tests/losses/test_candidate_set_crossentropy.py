import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental.losses import CandidateSetCrossentropy
from keras_incremental.losses import candidate_set_crossentropy
from keras_incremental.losses import tables
from keras_incremental.testing.gradients import gradient

Z = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]], "float32")
SETS = tables.candidates([[0], [1], [2], [1, 2], [0, 1, 2]], 3)


def value(labels, z=Z, **kwargs):
    result = candidate_set_crossentropy(np.asarray(labels), z, **kwargs)
    return ops.convert_to_numpy(result)


def by_hand(z, allowed, among=None):
    e = np.exp(np.float64(z))
    among = np.ones_like(allowed) if among is None else among
    return -np.log((e * allowed).sum(-1) / (e * among).sum(-1))


def test_sets_of_one_class_give_the_plain_crossentropy():
    plain = keras.losses.sparse_categorical_crossentropy(
        np.array([2, 1]), Z, from_logits=True
    )
    plain = ops.convert_to_numpy(plain)
    np.testing.assert_allclose(value([2, 1]), plain, atol=1e-6)
    np.testing.assert_allclose(value([2, 1], table=SETS), plain, atol=1e-6)


def test_value_is_minus_log_of_the_probability_of_the_set():
    expected = by_hand(Z, SETS[[3, 0]])
    np.testing.assert_allclose(value([3, 0], table=SETS), expected, rtol=1e-5)


def test_the_set_of_all_classes_costs_nothing_and_moves_nothing():
    def loss(z):
        return ops.sum(candidate_set_crossentropy([4, 4], z, SETS))

    assert value([4, 4], table=SETS).tolist() == [0.0, 0.0]
    assert not gradient(loss, Z).any()


def test_gradient_is_probability_minus_posterior_inside_the_set():
    def loss(z):
        return ops.sum(candidate_set_crossentropy([3, 0], z, SETS))

    p = np.exp(Z) / np.exp(Z).sum(-1, keepdims=True)
    r = p * SETS[[3, 0]]
    r /= r.sum(-1, keepdims=True)
    np.testing.assert_allclose(gradient(loss, Z), p - r, atol=1e-6)


def test_background_pushes_new_classes_down_and_prefers_no_old_one():
    table = tables.not_new(3, new=[2])

    def loss(z):
        return ops.sum(candidate_set_crossentropy([0, 0], z, table))

    p = np.exp(Z) / np.exp(Z).sum(-1, keepdims=True)
    old = p[:, :2].sum(-1, keepdims=True)
    slope = gradient(loss, Z)
    np.testing.assert_allclose(slope[:, 2:], p[:, 2:], atol=1e-6)
    expected = -p[:, :2] * (1 - old) / old
    np.testing.assert_allclose(slope[:, :2], expected, atol=1e-6)


def test_a_denominator_limits_the_competitors_and_the_gradient():
    table = tables.candidates([[0], [2]], 3)
    among = tables.candidates([[0, 1], [1, 2]], 3)
    expected = by_hand(Z, table, among)
    result = value([0, 1], table=table, denominator=among)
    np.testing.assert_allclose(result, expected, rtol=1e-5)

    def loss(z):
        losses = candidate_set_crossentropy([0, 1], z, table, among)
        return ops.sum(losses)

    grads = gradient(loss, Z)
    assert grads[0, 2] == 0 and grads[1, 0] == 0
    assert abs(grads[0, 1]) > 0.01


def test_permuting_classes_with_their_sets_changes_nothing():
    order = [2, 0, 1]
    permuted = value([3, 0], Z[:, order], table=SETS[:, order])
    np.testing.assert_allclose(permuted, value([3, 0], table=SETS), rtol=1e-6)


def test_a_larger_set_never_costs_more():
    growing = tables.candidates([[1], [1, 2], [0, 1, 2]], 3)
    costs = [value([row, row], table=growing) for row in range(3)]
    assert (np.diff(costs, axis=0) < 0).all()


@pytest.mark.parametrize("ignored", [-1, 255])
def test_ignored_pixels_have_no_value_and_no_gradient(ignored):
    z = np.tile(Z, (2, 1)).reshape(1, 2, 2, 3)
    labels = np.array([[[0, ignored], [ignored, 1]]])

    def loss(z):
        return CandidateSetCrossentropy(ignore_class=ignored)(labels, z)

    grads = gradient(loss, z)
    assert not grads[0, 0, 1].any() and not grads[0, 1, 0].any()
    assert grads[0, 0, 0].any()
    expected = (by_hand(Z[0], np.eye(3)[0]) + by_hand(Z[1], np.eye(3)[1])) / 2
    np.testing.assert_allclose(float(loss(z)), expected, rtol=1e-5)


def test_several_labels_can_be_ignored():
    result = value([-1, 255], ignore_class=[-1, 255])
    assert result.tolist() == [0.0, 0.0]


def test_the_mean_does_not_depend_on_how_much_is_unlabeled():
    loss = CandidateSetCrossentropy(SETS, ignore_class=-1)
    alone = float(loss(np.array([3, 0]), Z))
    diluted = float(loss(np.array([3, 0, -1, 4]), np.concatenate([Z, Z])))
    assert alone == pytest.approx(diluted, rel=1e-6)


def test_a_batch_without_any_label_costs_exactly_zero():
    loss = CandidateSetCrossentropy(ignore_class=-1)
    assert float(loss(np.array([-1, -1]), Z)) == 0.0


def test_sample_weights_scale_their_example_at_every_pixel():
    loss = CandidateSetCrossentropy(reduction="sum")
    z = np.stack([np.tile(Z[0], (2, 2, 1)), np.tile(Z[1], (2, 2, 1))])
    labels = np.array([np.full((2, 2), 0), np.full((2, 2), 1)])
    result = float(loss(labels, z, sample_weight=np.array([1.0, 3.0])))
    first, second = value([0, 1])
    assert result == pytest.approx(4 * first + 12 * second, rel=1e-5)


def test_no_reduction_gives_one_value_for_each_position():
    loss = CandidateSetCrossentropy(ignore_class=-1, reduction="none")
    result = ops.convert_to_numpy(loss(np.array([2, -1]), Z))
    np.testing.assert_allclose(result, [value([2, 1])[0], 0.0], rtol=1e-6)


def test_labels_may_have_a_last_dimension_of_one():
    assert value([[2], [1]]).tolist() == value([2, 1]).tolist()


def test_one_hot_labels_are_refused():
    with pytest.raises(ValueError, match="argmax"):
        value(np.eye(3)[[2, 1]].astype(int))


def test_probabilities_give_the_same_loss_as_their_logits():
    p = np.exp(Z) / np.exp(Z).sum(-1, keepdims=True)
    loss = CandidateSetCrossentropy(SETS, from_logits=False, reduction="none")
    result = ops.convert_to_numpy(loss(np.array([3, 0]), p))
    np.testing.assert_allclose(result, value([3, 0], table=SETS), rtol=1e-5)


def test_float16_logits_are_computed_in_float32():
    z = np.array([[60000.0, -60000.0, 0.0]], "float16")
    assert value([1], z, table=SETS)[0] == pytest.approx(120000.0)


def test_labels_outside_the_table_are_refused():
    with pytest.raises(ValueError, match=r"from 0 to 4.*\[5\]"):
        value([5, 0], table=SETS)
    with pytest.raises(ValueError, match=r"from 0 to 2.*\[-1\]"):
        CandidateSetCrossentropy()(np.array([-1, 0]), Z)


def test_a_label_outside_the_table_is_loud_and_finite_within_a_step():
    loss = CandidateSetCrossentropy(SETS, reduction="none")
    result = loss(ops.convert_to_tensor([7, -1]), Z)
    assert (ops.convert_to_numpy(result) > 1e8).all()
    assert np.isfinite(ops.convert_to_numpy(result)).all()


def test_an_empty_candidate_set_is_refused():
    with pytest.raises(ValueError, match=r"no class possible.*\[1\]"):
        CandidateSetCrossentropy([[1, 0], [0, 0]])


def test_a_candidate_outside_the_denominator_is_refused():
    with pytest.raises(ValueError, match="`denominator`"):
        CandidateSetCrossentropy([[1, 0]], denominator=[[0, 1]])


def test_a_table_of_another_width_is_refused():
    with pytest.raises(ValueError, match="2 classes, but `y_pred` has 3"):
        value([0, 0], table=np.eye(2))


def test_tables_survive_the_configuration():
    loss = CandidateSetCrossentropy(SETS, SETS | SETS[4], ignore_class=[255])
    copy = CandidateSetCrossentropy.from_config(loss.get_config())
    assert (copy.table == SETS).all()
    assert (copy.denominator == loss.denominator).all()
    assert copy.ignore_class == [255]
