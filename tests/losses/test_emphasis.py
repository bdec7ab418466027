import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental.losses import CandidateSetCrossentropy
from keras_incremental.losses import candidate_set_crossentropy
from keras_incremental.losses import effective_number_weights
from keras_incremental.losses import tables
from keras_incremental.testing.gradients import gradient

Z = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]], "float32")
LABELS = np.array([2, 1])


def value(labels=LABELS, z=Z, **kwargs):
    result = candidate_set_crossentropy(np.asarray(labels), z, **kwargs)
    return ops.convert_to_numpy(result)


def probability(z, allowed):
    e = np.exp(np.float64(z))
    return (e * allowed).sum(-1) / e.sum(-1)


def test_weights_of_the_paper():
    found = effective_number_weights([500, 20, 20], beta=0.999)
    np.testing.assert_allclose(found, [0.074, 1.463, 1.463], atol=5e-4)


def test_equal_counts_have_weights_of_1():
    for beta in (0.0, 0.9, 0.9999):
        found = effective_number_weights([7, 7, 7], beta)
        np.testing.assert_allclose(found, 1.0, rtol=1e-12)


def test_weights_add_up_to_the_number_of_classes():
    found = effective_number_weights([1, 10, 1000, 10**6], 0.99)
    assert found.sum() == pytest.approx(4.0)


def test_at_a_beta_of_0_all_weights_are_1():
    assert effective_number_weights([1, 500], 0.0).tolist() == [1.0, 1.0]


def test_near_a_beta_of_1_weights_are_one_over_the_counts():
    found = effective_number_weights([500, 20], 1 - 1e-12)
    inverse = np.array([1 / 500, 1 / 20])
    np.testing.assert_allclose(found, 2 * inverse / inverse.sum(), rtol=1e-6)


@pytest.mark.parametrize("counts", [[], [5, 0], [[1, 2]]])
def test_counts_that_are_none_are_refused(counts):
    with pytest.raises(ValueError, match="`counts`"):
        effective_number_weights(counts)


@pytest.mark.parametrize("beta", [-0.1, 1.0])
def test_a_beta_out_of_range_is_refused(beta):
    with pytest.raises(ValueError, match="`beta`"):
        effective_number_weights([1, 2], beta)


def test_a_focus_of_0_is_the_crossentropy():
    plain = keras.losses.sparse_categorical_crossentropy(
        LABELS, Z, from_logits=True
    )
    plain = ops.convert_to_numpy(plain)
    np.testing.assert_allclose(value(focus=0.0), plain, rtol=1e-6)
    np.testing.assert_array_equal(value(focus=0.0), value())


def test_focal_loss_by_hand():
    p = probability(Z, np.eye(3)[LABELS])
    expected = -((1 - p) ** 2) * np.log(p)
    np.testing.assert_allclose(value(focus=2.0), expected, rtol=1e-4)


def test_a_probability_of_nine_tenths_counts_a_hundredth():
    z = np.log(np.array([[0.9, 0.1]], "float32"))
    result = value([0], z, focus=2.0)[0]
    assert result == pytest.approx(-0.01 * np.log(0.9), rel=1e-4)


@pytest.mark.parametrize("focus", [0.5, 1.0, 2.0])
def test_focused_gradients_are_finite_where_all_is_right_or_wrong(focus):
    z = np.array([[50.0, -50], [-50, 50], [1e4, -1e4], [0, 0]], "float32")

    def loss(z):
        labels = np.array([1, 1, 0, 0])
        return ops.sum(candidate_set_crossentropy(labels, z, focus=focus))

    slope = gradient(loss, z)
    assert np.isfinite(slope).all()
    np.testing.assert_allclose(slope[0], [1.0, -1.0], rtol=1e-5)
    np.testing.assert_allclose(slope[1:3], 0.0, atol=1e-6)


def test_a_set_is_focused_by_its_total_probability():
    table = tables.candidates([[0], [1, 2], [0, 1, 2]], 3)
    p = probability(Z[0], table[1])
    expected = -(1 - p) * np.log(p)
    result = value([1, 2], table=table, focus=1.0)
    np.testing.assert_allclose(result, [expected, 0.0], rtol=1e-5)

    def loss(z):
        losses = candidate_set_crossentropy([2, 2], z, table, focus=0.5)
        return ops.sum(losses)

    assert not gradient(loss, Z).any()


def test_weights_multiply_their_label():
    table = tables.candidates([[0], [1, 2]], 3)
    plain = value([1, 0], table=table)
    result = value([1, 0], table=table, label_weights=[3.0, 0.5])
    np.testing.assert_allclose(result, plain * [0.5, 3.0], rtol=1e-6)


def test_a_weighted_mean_divides_by_how_many_count():
    loss = CandidateSetCrossentropy(ignore_class=-1, label_weights=[1, 4, 2])
    z = np.concatenate([Z, Z])
    result = float(loss(np.array([2, 1, -1, -1]), z))
    assert result == pytest.approx(np.mean(value() * [2, 4]), rel=1e-6)


def test_a_label_outside_the_classes_stays_loud_with_weights_and_focus():
    loss = CandidateSetCrossentropy(label_weights=[1, 1, 1], focus=2.0)
    assert float(loss(ops.convert_to_tensor([7, 0]), Z)) > 1e8


@pytest.mark.parametrize("weights", [[1.0], [1, 1, -1], [1, 1, np.inf]])
def test_weights_that_do_not_fit_are_refused(weights):
    with pytest.raises(ValueError, match="`label_weights`"):
        value(label_weights=weights)


def test_a_negative_focus_is_refused():
    with pytest.raises(ValueError, match="`focus` of CandidateSet"):
        CandidateSetCrossentropy(focus=-1.0)
    with pytest.raises(ValueError, match="`focus` of CandidateSet"):
        value(focus=float("nan"))


def test_weights_and_focus_survive_the_configuration():
    loss = CandidateSetCrossentropy(label_weights=[1, 2, 3], focus=2)
    copy = CandidateSetCrossentropy.from_config(loss.get_config())
    assert copy.label_weights == [1.0, 2.0, 3.0]
    assert copy.focus == 2.0
