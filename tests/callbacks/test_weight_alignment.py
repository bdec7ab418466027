import keras
import numpy as np
import pytest

from keras_incremental.callbacks import WeightAlignment
from keras_incremental.callbacks.weight_alignment import align
from keras_incremental.layers import ExpandableDense

KERNEL = np.random.RandomState(0).normal(size=(6, 5)).astype("float32")
X = np.random.RandomState(1).normal(size=(12, 4)).astype("float32")
Y = np.arange(12) % 5


def mean_norm(kernel, columns):
    return np.linalg.norm(kernel[:, columns], axis=0).mean()


def model_with(head):
    model = keras.Sequential([keras.Input((4,)), head])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.5), loss)
    return model


def fit(model, callback, labels=Y):
    model.fit(X, labels, epochs=2, verbose=0, callbacks=[callback])


def test_the_mean_norm_of_new_columns_becomes_that_of_the_old_ones():
    aligned = align(KERNEL, slice(3, 5))
    new = mean_norm(aligned, slice(3, 5))
    assert new == pytest.approx(mean_norm(KERNEL, slice(0, 3)), rel=1e-6)
    assert (aligned[:, :3] == KERNEL[:, :3]).all()


def test_norms_are_those_of_columns():
    kernel = np.array([[3.0, 0.0], [4.0, 2.0]])
    expected = [[3.0, 0.0], [4.0, 5.0]]
    np.testing.assert_allclose(align(kernel, slice(1, 2)), expected)


def test_aligning_twice_is_aligning_once():
    once = align(KERNEL, slice(3, 5))
    np.testing.assert_allclose(align(once, slice(3, 5)), once, rtol=1e-6)


def test_the_ranking_within_the_new_group_stays():
    x = np.random.RandomState(2).normal(size=(20, 6))
    before = np.argsort(x @ KERNEL[:, 3:], axis=-1)
    after = np.argsort(x @ align(KERNEL, slice(3, 5))[:, 3:], axis=-1)
    assert (before == after).all()


@pytest.mark.parametrize("new", [slice(0, 5), slice(5, 5)])
def test_without_old_or_without_new_columns_nothing_changes(new):
    assert (align(KERNEL, new) == KERNEL).all()


def test_columns_of_zeros_stay_finite():
    assert not align(np.zeros((3, 2)), slice(1, 2)).any()


def test_the_argument_is_not_changed():
    kernel = KERNEL.copy()
    align(kernel, slice(3, 5))
    assert (kernel == KERNEL).all()


def test_the_newest_group_is_aligned_when_fit_ends():
    head = ExpandableDense([2, 2, 1])
    fit(model_with(head), WeightAlignment())
    kernel = head.columns("kernel")
    assert mean_norm(kernel, slice(4, 5)) == pytest.approx(
        mean_norm(kernel, slice(0, 4)), rel=1e-5
    )


def test_the_callback_does_not_touch_biases_or_old_columns():
    heads = []
    for callbacks in ([], [WeightAlignment()]):
        keras.utils.set_random_seed(0)
        head = ExpandableDense([4, 1])
        model = model_with(head)
        model.fit(X, Y, verbose=0, shuffle=False, callbacks=callbacks)
        heads.append(head)
    plain, aligned = heads
    same = plain.columns("kernel") == aligned.columns("kernel")
    assert same[:, :4].all() and not same[:, 4:].any()
    assert (plain.columns("bias") == aligned.columns("bias")).all()


def test_a_head_with_one_group_trains_as_without_the_callback():
    weights = []
    for callbacks in ([], [WeightAlignment()]):
        keras.utils.set_random_seed(0)
        model = model_with(ExpandableDense(5))
        model.fit(X, Y, verbose=0, shuffle=False, callbacks=callbacks)
        weights.append(model.get_weights())
    for plain, aligned in zip(*weights, strict=True):
        assert (plain == aligned).all()


def test_joined_blocks_are_aligned_as_groups_are():
    head = ExpandableDense([1, 1, 1, 1, 1], max_groups=3)
    fit(model_with(head), WeightAlignment())
    kernel = head.columns("kernel")
    assert len(head.blocks) == 3
    assert mean_norm(kernel, slice(4, 5)) == pytest.approx(
        mean_norm(kernel, slice(0, 4)), rel=1e-5
    )


def test_frozen_columns_stay_frozen_and_equal():
    head = ExpandableDense([4, 1], frozen_groups=1)
    model = model_with(head)
    before = head.columns("kernel")[:, :4]
    fit(model, WeightAlignment())
    assert (head.columns("kernel")[:, :4] == before).all()
    assert head.frozen_groups == 1
    assert len(model.trainable_variables) == 2


def test_the_head_is_found_inside_nested_models():
    head = ExpandableDense([4, 1])
    inner = keras.Sequential([keras.Input((4,)), head])
    model = model_with(keras.Sequential([keras.Input((4,)), inner]))
    fit(model, WeightAlignment())
    kernel = head.columns("kernel")
    assert mean_norm(kernel, slice(4, 5)) == pytest.approx(
        mean_norm(kernel, slice(0, 4)), rel=1e-5
    )


def two_headed():
    inputs = keras.Input((4,))
    first = ExpandableDense([4, 1], name="first")(inputs)
    second = ExpandableDense([4, 1], name="second")(inputs)
    model = keras.Model(inputs, keras.layers.Add()([first, second]))
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("by", ["name", "object"])
def test_one_of_several_heads_is_chosen(by):
    model = two_headed()
    chosen = model.get_layer("second")
    other = model.get_layer("first").columns("kernel")
    callback = WeightAlignment(head="second" if by == "name" else chosen)
    model.optimizer.learning_rate = 0.0
    fit(model, callback, np.zeros((12, 5)))
    kernel = chosen.columns("kernel")
    assert (model.get_layer("first").columns("kernel") == other).all()
    assert mean_norm(kernel, slice(4, 5)) == pytest.approx(
        mean_norm(kernel, slice(0, 4)), rel=1e-5
    )


def test_several_heads_without_a_choice_are_refused():
    with pytest.raises(ValueError, match="name it by `head`"):
        fit(two_headed(), WeightAlignment(), np.zeros((12, 5)))


def test_a_model_without_a_head_is_refused_before_it_trains():
    model = model_with(keras.layers.Dense(5))
    before = model.get_weights()
    with pytest.raises(ValueError, match="End the model in an ExpandableDense"):
        fit(model, WeightAlignment())
    assert (model.get_weights()[0] == before[0]).all()


def test_a_negative_epsilon_is_refused():
    with pytest.raises(ValueError, match="epsilon=-1"):
        WeightAlignment(epsilon=-1)
