import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental import layers
from keras_incremental.regularizers.quadratic_penalty import QuadraticPenalty
from keras_incremental.utils.compilation import recompile

INPUTS = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")


def built_head(units=2, **kwargs):
    head = layers.ExpandableDense(units, **kwargs)
    head.build((None, 4))
    return head


def logits_of(layer):
    return np.array(ops.convert_to_numpy(layer(INPUTS)))


def protect(head, importance, strength=2.0):
    """A penalty on every weight, whose reference is 1 below it."""
    for variable in head.weights:
        value = ops.convert_to_numpy(variable)
        variable.regularizer = QuadraticPenalty(
            np.full_like(value, importance), value - 1.0, strength
        )


def penalty_of(head):
    return sum(float(ops.convert_to_numpy(x)) for x in head.losses)


def two_phase_model(frozen_groups):
    inputs = keras.Input((4,))
    head = layers.ExpandableDense(2, name="head")
    model = keras.Model(inputs, head(inputs))
    model.compile(
        keras.optimizers.AdamW(0.1, weight_decay=0.5),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    head.expand(1, seed=0)
    head.frozen_groups = frozen_groups
    recompile(model)
    return model


def fit(model):
    labels = np.arange(6) % model.get_layer("head").units
    model.fit(INPUTS, labels, verbose=0)


def test_two_hundred_growths_keep_few_weights_and_the_first_logits():
    head = built_head(max_groups=4)
    before = logits_of(head)
    for _ in range(200):
        head.expand(1, "zeros")
    assert head.units == 202
    assert len(head.weights) == 2 * 4
    assert sum(head.blocks) == len(head.group_sizes) == 201
    np.testing.assert_allclose(logits_of(head)[:, :2], before, atol=1e-6)


def test_a_joined_head_computes_what_its_columns_say():
    head = built_head(max_groups=3)
    for _ in range(5):
        head.expand(1, seed=0)
    expected = INPUTS @ head.columns("kernel") + head.columns("bias")
    np.testing.assert_allclose(logits_of(head), expected, atol=1e-6)


def test_joining_keeps_the_penalties():
    head = built_head(max_groups=3)
    head.expand(1, seed=0)
    protect(head, importance=3.0)
    # 15 weights, each 1 away from its reference: 2 / 2 * 3 each.
    np.testing.assert_allclose(penalty_of(head), 45.0, rtol=1e-5)
    for _ in range(4):
        head.expand(1, seed=0)
    assert head.blocks == (4, 1, 1)
    np.testing.assert_allclose(penalty_of(head), 45.0, rtol=1e-5)


def test_joining_adds_no_penalty_to_a_weight_without_one():
    head = built_head(max_groups=3)
    protect(head, importance=3.0)
    for _ in range(4):
        head.expand(1, seed=0)
    head.assign_columns("kernel", head.columns("kernel") + [0, 0, 9, 9, 9, 9])
    np.testing.assert_allclose(penalty_of(head), 30.0, rtol=1e-5)


def test_a_kernel_regularizer_holds_for_every_group_and_through_joining():
    head = built_head(max_groups=3, kernel_regularizer=keras.regularizers.L2(1))
    for _ in range(4):
        head.expand(1, seed=0)
        expected = np.sum(head.columns("kernel") ** 2)
        np.testing.assert_allclose(penalty_of(head), expected, rtol=1e-5)


def test_frozen_and_trainable_groups_are_never_joined():
    head = built_head(max_groups=3)
    head.frozen_groups = 1
    for _ in range(4):
        head.expand(1, seed=0)
    assert head.blocks == (1, 3, 1)
    assert [v.trainable for v in head.weights] == [False] * 2 + [True] * 4


def test_frozen_groups_are_never_joined_before_build_either():
    head = layers.ExpandableDense(2, max_groups=3, frozen_groups=1)
    for _ in range(4):
        head.expand(1)
    assert head.blocks == (1, 3, 1)


def test_frozen_groups_do_not_move_after_reload(tmp_path):
    model = two_phase_model(frozen_groups=1)
    fit(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    head = loaded.get_layer("head")
    before = head.columns("kernel")
    fit(loaded)
    np.testing.assert_array_equal(head.columns("kernel")[:, :2], before[:, :2])
    assert np.all(head.columns("kernel")[:, 2] != before[:, 2])


def test_a_frozen_group_thaws_when_told():
    model = two_phase_model(frozen_groups=1)
    head = model.get_layer("head")
    head.frozen_groups = 0
    recompile(model)
    before = head.columns("kernel")
    fit(model)
    assert np.all(head.columns("kernel") != before)


def test_a_head_that_is_not_trainable_stays_so_when_it_grows():
    head = built_head(trainable=False)
    head.expand(1)
    assert not head.trainable_weights
    head.trainable = True
    assert len(head.trainable_weights) == 4


def test_restore_brings_back_weights_and_penalties_to_the_bit():
    head = built_head(max_groups=3)
    head.expand(1, seed=0)
    protect(head, importance=3.0)
    columns = {name: head.columns(name) for name in ("kernel", "bias")}
    snapshot = head.snapshot()
    for _ in range(3):
        head.expand(1, seed=0)
    for variable in head.weights:
        variable.assign(ops.zeros(variable.shape))
    head.restore(snapshot)
    for name, value in columns.items():
        np.testing.assert_array_equal(head.columns(name), value)
    np.testing.assert_allclose(penalty_of(head), 45.0, rtol=1e-6)


def test_a_snapshot_can_be_restored_twice():
    head = built_head()
    before, snapshot = logits_of(head), head.snapshot()
    for _ in range(2):
        head.expand(1)
        head.assign_columns("bias", np.ones(3))
        head.restore(snapshot)
        np.testing.assert_array_equal(logits_of(head), before)


def test_weights_are_listed_in_the_order_of_the_groups():
    head = built_head(max_groups=3)
    for _ in range(3):
        head.expand(1)
    names = ["kernel_0", "bias_0", "kernel_2", "bias_2", "kernel_3", "bias_3"]
    assert [v.name for v in head.weights] == names


def test_a_refused_growth_changes_nothing():
    head = built_head(max_groups=3)
    head.expand(1)
    head.expand(1)
    for units in (0, 1.0):
        with pytest.raises((ValueError, TypeError), match="`units`"):
            head.expand(units)
    assert head.blocks == (1, 1, 1)


def test_an_unbuilt_head_has_no_columns_to_show():
    head = layers.ExpandableDense(2, name="head")
    for call in (lambda: head.columns("kernel"), head.snapshot):
        with pytest.raises(ValueError, match="'head' has no weights yet"):
            call()


def test_an_unbuilt_head_refuses_an_initializer():
    head = layers.ExpandableDense(2)
    with pytest.raises(ValueError, match="initializer='zeros'"):
        head.expand(1, "zeros")
    assert head.units == 2


def test_columns_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"\(4, 2\). Received: shape \(4, 3\)"):
        built_head().assign_columns("kernel", np.ones((4, 3)))


def test_inputs_of_unknown_width_are_refused():
    with pytest.raises(ValueError, match="last dimension of the inputs"):
        layers.ExpandableDense(2).build((None, None))


def test_inputs_of_another_width_are_refused():
    with pytest.raises(ValueError, match="incompatible with the layer"):
        built_head()(np.ones((1, 5), "float32"))
