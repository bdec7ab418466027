import numpy as np
import pytest
from keras import ops

from keras_incremental import layers
from keras_incremental import losses
from keras_incremental.testing.gradients import gradient

INPUTS = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
BACKGROUND = 0


def built(units=3, **kwargs):
    head = layers.ExpandableDense(units, bias_initializer="normal", **kwargs)
    head.build((None, 4))
    return head


def logits(head):
    return np.array(ops.convert_to_numpy(head(INPUTS)))


def probabilities(head):
    return np.array(ops.convert_to_numpy(ops.softmax(head(INPUTS))))


def test_a_class_and_its_shares_have_what_it_had_and_others_stay():
    head = built()
    before = probabilities(head)
    layers.divide(head, parent=1, shares=[0.1, 0.3])
    after = probabilities(head)
    np.testing.assert_allclose(after[:, [0, 2]], before[:, [0, 2]], atol=1e-6)
    expected = before[:, 1:2] * [0.6, 0.1, 0.3]
    np.testing.assert_allclose(after[:, [1, 3, 4]], expected, atol=1e-6)


def test_the_logits_as_a_whole_and_of_other_classes_stay():
    head = built()
    before = logits(head)
    layers.divide(head, parent=1, shares=[0.1])
    after = logits(head)
    np.testing.assert_array_equal(after[:, [0, 2]], before[:, [0, 2]])
    np.testing.assert_allclose(
        np.logaddexp.reduce(after, -1),
        np.logaddexp.reduce(before, -1),
        atol=1e-6,
    )


def test_new_classes_out_of_the_background_start_as_mib_starts_them():
    head = built()
    kernel, bias = head.columns("kernel"), head.columns("bias")
    layers.divide(head, BACKGROUND, [1 / 3] * 2)
    for column in (0, 3, 4):
        np.testing.assert_array_equal(
            head.columns("kernel")[:, column], kernel[:, 0]
        )
        expected = bias[0] - np.log(3)
        assert head.columns("bias")[column] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
def test_merged_distillation_has_no_gradient_at_the_start(temperature):
    head = built()
    teacher = logits(head)
    layers.divide(head, BACKGROUND, [1 / 3] * 2)
    mapping = [0, 1, 2, BACKGROUND, BACKGROUND]
    loss = losses.DistillationCrossentropy(mapping, temperature=temperature)
    slope = gradient(lambda z: loss(teacher, z), logits(head))
    np.testing.assert_allclose(slope, 0.0, atol=1e-6)


def test_a_background_label_costs_at_the_start_what_all_old_classes_have():
    head = built()
    old = logits(head)
    layers.divide(head, BACKGROUND, [0.5])
    table = losses.tables.not_new(4, new=[3])
    labels = np.zeros(6, int)
    found = losses.candidate_set_crossentropy(labels, head(INPUTS), table)
    taken = 0.5 * np.exp(old[:, 0]) / np.exp(old).sum(-1)
    np.testing.assert_allclose(
        ops.convert_to_numpy(found), -np.log(1 - taken), atol=1e-5
    )


def test_a_class_that_is_split_is_not_divided_flatly():
    head = built()
    head.expand(1, parents=[1])
    for parent in (1, 3):
        with pytest.raises(ValueError, match=rf"parents=\[{parent}\]"):
            layers.divide(head, parent, [0.1])
    before = probabilities(head)
    layers.divide(head, 2, [0.1])
    after = probabilities(head)
    np.testing.assert_allclose(after[:, [0, 1, 3]], before[:, [0, 1, 3]], 1e-5)
    np.testing.assert_allclose(after[:, 4], 0.1 * before[:, 2], rtol=1e-5)


@pytest.mark.parametrize(
    "shares", [[], [0.0], [0.5, 0.5], [1.5], 0.5, [float("nan")]]
)
def test_shares_that_are_none_or_leave_nothing_are_refused(shares):
    head = built()
    with pytest.raises(ValueError, match="`shares`"):
        layers.divide(head, 1, shares)
    assert head.units == 3


def test_heads_without_biases_and_other_heads_are_refused():
    with pytest.raises(ValueError, match="use_bias=True"):
        layers.divide(built(use_bias=False), 1, [0.1])
    with pytest.raises(TypeError, match="ExpandableDense"):
        layers.divide(layers.ExpandableCosine(2), 1, [0.1])


@pytest.mark.parametrize("parent", [-1, 3, 1.0])
def test_a_parent_that_is_no_class_is_refused(parent):
    with pytest.raises(ValueError, match="one of the 3 classes"):
        layers.divide(built(), parent, [0.1])
