import keras
import numpy as np
from keras import layers
from keras import ops

from keras_incremental.layers import ExpandableDense
from keras_incremental.models.phases.training import reinitialize


def network():
    upper = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(5, trainable=False),
            layers.Dense(4),
            layers.BatchNormalization(),
        ]
    )
    head = ExpandableDense([2, 1])
    head.build((None, 4))
    head.assign_columns("kernel", np.ones((4, 3)))
    head.assign_columns("bias", np.ones(3))
    upper.layers[-1].gamma.assign(np.full(4, 7.0))
    upper.layers[1].bias.assign(np.full(4, 7.0))
    return upper, head


def values(upper, head):
    return [ops.convert_to_numpy(v).copy() for v in upper.variables] + [
        head.columns("kernel"),
        head.columns("bias"),
    ]


def test_only_what_trains_is_drawn_anew():
    upper, head = network()
    before = values(upper, head)
    reinitialize(upper, head)
    after = values(upper, head)
    changed = [
        not np.array_equal(a, b) for a, b in zip(before, after, strict=True)
    ]
    is_trainable = [v.trainable for v in upper.variables]
    assert changed[: len(is_trainable)] == [
        trainable and "beta" not in v.path
        for trainable, v in zip(is_trainable, upper.variables, strict=True)
    ]
    assert changed[-2:] == [True, True]


def test_biases_and_scales_start_as_in_their_layers():
    upper, head = network()
    reinitialize(upper, head)
    assert ops.convert_to_numpy(upper.layers[1].bias).tolist() == [0.0] * 4
    assert ops.convert_to_numpy(upper.layers[-1].gamma).tolist() == [1.0] * 4
    assert head.columns("bias").tolist() == [0.0] * 3


def test_kernels_lie_within_the_bound_of_glorot():
    upper, head = network()
    reinitialize(upper, head)
    kernel = ops.convert_to_numpy(upper.layers[1].kernel)
    assert 0 < np.abs(kernel).max() <= np.sqrt(6 / (5 + 4))


def test_a_seed_decides_the_weights():
    drawn = []
    for seed in (3, 3, 4):
        keras.utils.set_random_seed(len(drawn))
        upper, head = network()
        reinitialize(upper, head, seed)
        kernel = ops.convert_to_numpy(upper.layers[1].kernel)
        drawn.append(kernel)
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_a_head_starts_from_zero():
    _, head = network()
    reinitialize(None, head)
    assert not head.columns("kernel").any()
    assert not head.columns("bias").any()
