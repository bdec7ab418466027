import keras
import numpy as np
import pytest

from keras_incremental import layers
from keras_incremental.layers import column_initializers

KERNEL = np.array([[1.0, 3.0], [-1.0, 1.0], [0.0, 2.0]], "float32")
BIAS = np.array([2.0, 4.0], "float32")
COLUMNS = {"kernel": KERNEL, "bias": BIAS}


def built_head(units=2, input_dim=3, **kwargs):
    head = layers.ExpandableDense(units, **kwargs)
    head.build((None, input_dim))
    return head


def test_zeros_are_zeros():
    new = layers.Zeros()(COLUMNS, 2, seed=0)
    np.testing.assert_array_equal(new["kernel"], np.zeros((3, 2)))
    np.testing.assert_array_equal(new["bias"], np.zeros(2))


def test_match_old_scale_has_the_old_spread_and_mean_bias():
    new = layers.MatchOldScale()(COLUMNS, 4000, seed=0)
    spread = np.sqrt(np.mean((KERNEL - 1.0) ** 2))
    np.testing.assert_allclose(new["kernel"].std(), spread, rtol=0.02)
    np.testing.assert_allclose(new["kernel"].mean(), 0.0, atol=0.05)
    np.testing.assert_array_equal(new["bias"], np.full(4000, 3.0))


def test_mean_of_old_is_the_mean_without_noise():
    new = layers.MeanOfOld(noise=0.0)(COLUMNS, 2, seed=0)
    np.testing.assert_array_equal(new["kernel"], [[2, 2], [0, 0], [1, 1]])
    np.testing.assert_array_equal(new["bias"], [3, 3])


def test_mean_of_old_tells_new_classes_apart():
    new = layers.MeanOfOld()(COLUMNS, 2, seed=0)["kernel"]
    assert np.all(new[:, 0] != new[:, 1])
    # 0.01 of the old spread, which is below 2.
    np.testing.assert_allclose(new, [[2, 2], [0, 0], [1, 1]], atol=0.08)


def test_imprinting_points_at_the_centered_mean_direction():
    features = np.array([[2.0, 0.0], [4.0, 0.0], [0.0, 1.0]])
    columns = {"kernel": np.array([[3.0], [4.0]], "float32")}
    initializer = layers.Imprinting(features, [0, 0, 1], center=[1.0, 1.0])
    new = initializer(columns, 2, seed=0)["kernel"]
    # Class 0 points along (1, 0), class 1 along (0, 1), the center along
    # (1, 1) / sqrt(2); the old column is 5 long.
    toward = np.array([1.0, 0.0]) - np.sqrt(0.5)
    toward = 5.0 * toward / np.linalg.norm(toward)
    np.testing.assert_allclose(new[:, 0], toward, rtol=1e-5)
    np.testing.assert_allclose(new[:, 1], toward[::-1], rtol=1e-5)


def test_imprinting_gives_the_mean_old_bias_at_the_center():
    features = np.array([[2.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    new = layers.Imprinting(features, [0, 1])(COLUMNS, 2, seed=0)
    center = features.mean(0)
    logits = center @ new["kernel"] + new["bias"]
    np.testing.assert_allclose(logits, [3.0, 3.0], rtol=1e-5)


def test_imprinting_separates_the_classes_it_saw():
    generator = np.random.default_rng(0)
    means = np.array([[4.0, 1.0, 1.0], [1.0, 4.0, 1.0]])
    labels = np.arange(40) % 2
    features = means[labels] + 0.1 * generator.normal(size=(40, 3))
    head = built_head()
    head.expand(2, layers.Imprinting(features, labels))
    logits = keras.ops.convert_to_numpy(head(features.astype("float32")))
    assert np.array_equal(logits[:, 2:].argmax(-1), labels)


def test_imprinting_refuses_a_class_without_features():
    initializer = layers.Imprinting(np.ones((2, 3)), [0, 0])
    with pytest.raises(ValueError, match=r"new classes \[1\] of 2"):
        built_head().expand(2, initializer)


def test_copy_of_copies_the_parents():
    new = layers.CopyOf([1, 0, 1])(COLUMNS, 3, seed=0)
    np.testing.assert_array_equal(new["kernel"], KERNEL[:, [1, 0, 1]])
    np.testing.assert_array_equal(new["bias"], [4, 2, 4])


def test_copy_of_takes_one_parent():
    new = layers.CopyOf(1)(COLUMNS, 1, seed=0)
    np.testing.assert_array_equal(new["bias"], [4])


@pytest.mark.parametrize("parents", [[0], [0, 2], [0, -1]])
def test_copy_of_refuses_what_is_no_old_class(parents):
    with pytest.raises(ValueError, match="Received: parents="):
        built_head().expand(2, layers.CopyOf(parents))


def test_a_keras_initializer_is_drawn_for_the_whole_head():
    initializer = keras.initializers.Orthogonal(seed=1)
    head = built_head(1)
    head.expand(2, initializer)
    drawn = keras.ops.convert_to_numpy(initializer((3, 3)))
    np.testing.assert_array_equal(head.columns("kernel")[:, 1:], drawn[:, 1:])
    np.testing.assert_array_equal(head.columns("bias"), np.zeros(3))


@pytest.mark.parametrize(
    "initializer", ["match_old_scale", "mean_of_old", "glorot_uniform"]
)
def test_a_seed_repeats_the_new_columns(initializer):
    start = built_head().snapshot()
    kernels = []
    for seed in (3, 3, 4):
        head = built_head()
        head.restore(start)
        head.expand(2, initializer, seed=seed)
        kernels.append(head.columns("kernel"))
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[0], kernels[2])


def test_set_random_seed_repeats_the_new_columns():
    start = built_head().snapshot()
    kernels = []
    for _ in range(2):
        head = built_head()
        head.restore(start)
        keras.utils.set_random_seed(5)
        head.expand(2)
        kernels.append(head.columns("kernel"))
    np.testing.assert_array_equal(*kernels)


def test_the_seed_of_a_keras_initializer_comes_first():
    initializer = keras.initializers.RandomNormal(seed=1)
    heads = [built_head(), built_head()]
    for seed, head in enumerate(heads):
        head.expand(1, initializer, seed=seed)
    new = [head.columns("kernel")[:, 2:] for head in heads]
    np.testing.assert_array_equal(*new)


def test_a_function_is_an_initializer_too():
    head = built_head()
    head.expand(1, lambda shape, dtype=None: keras.ops.ones(shape, dtype))
    np.testing.assert_array_equal(head.columns("kernel")[:, 2], np.ones(3))


def test_an_unknown_name_is_refused_before_anything_changes():
    head = built_head()
    with pytest.raises(ValueError, match="initializer='best'"):
        head.expand(1, "best")
    assert head.group_sizes == (2,)
    assert len(head.weights) == 2


def test_columns_of_a_wrong_shape_are_refused_before_anything_changes():
    head = built_head()
    with pytest.raises(ValueError, match=r"must give columns .*\(3, 1\)"):
        head.expand(1, layers.Imprinting(np.ones((2, 7)), [0, 0]))
    assert head.group_sizes == (2,)
    assert len(head.weights) == 2


def test_the_base_class_says_nothing_of_its_own():
    with pytest.raises(NotImplementedError):
        column_initializers.ColumnInitializer()(COLUMNS, 1, 0)
