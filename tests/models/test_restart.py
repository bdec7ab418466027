import keras
import numpy as np
from keras import layers
from keras import ops

from keras_incremental.layers import ExpandableDense
from keras_incremental.models.phases.restart import restart


def network():
    rest = keras.Sequential(
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
    rest.layers[-1].gamma.assign(np.full(4, 7.0))
    rest.layers[1].bias.assign(np.full(4, 7.0))
    return rest, head


def values(rest, head):
    return [ops.convert_to_numpy(v).copy() for v in rest.variables] + [
        head.columns("kernel"),
        head.columns("bias"),
    ]


def test_only_what_trains_is_drawn_anew():
    rest, head = network()
    before = values(rest, head)
    restart(rest, head)
    after = values(rest, head)
    changed = [
        not np.array_equal(a, b) for a, b in zip(before, after, strict=True)
    ]
    trains = [v.trainable for v in rest.variables]
    assert changed[: len(trains)] == [
        trainable and "beta" not in v.path
        for trainable, v in zip(trains, rest.variables, strict=True)
    ]
    assert changed[-2:] == [True, True]


def test_biases_and_scales_start_as_in_their_layers():
    rest, head = network()
    restart(rest, head)
    assert ops.convert_to_numpy(rest.layers[1].bias).tolist() == [0.0] * 4
    assert ops.convert_to_numpy(rest.layers[-1].gamma).tolist() == [1.0] * 4
    assert head.columns("bias").tolist() == [0.0] * 3


def test_kernels_lie_within_the_bound_of_glorot():
    rest, head = network()
    restart(rest, head)
    kernel = ops.convert_to_numpy(rest.layers[1].kernel)
    assert 0 < np.abs(kernel).max() <= np.sqrt(6 / (5 + 4))


def test_a_seed_decides_the_weights():
    drawn = []
    for seed in (3, 3, 4):
        keras.utils.set_random_seed(len(drawn))
        rest, head = network()
        restart(rest, head, seed)
        kernel = ops.convert_to_numpy(rest.layers[1].kernel)
        drawn.append(kernel)
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_a_head_starts_from_zero():
    _, head = network()
    restart(None, head)
    assert not head.columns("kernel").any()
    assert not head.columns("bias").any()
