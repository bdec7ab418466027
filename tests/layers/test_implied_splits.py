import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental.layers import ExpandableDense
from keras_incremental.layers.splits import implied_logits

DRAW = np.random.default_rng(0)
FEATURES = DRAW.normal(size=(5, 4)).astype("float32")


def sigmoid(z):
    return 1 / (1 + np.exp(-np.asarray(z, "float64")))


def test_a_child_has_a_share_of_the_probability_of_its_parent():
    raw = DRAW.normal(size=(6, 4)).astype("float32")
    tensor = ops.convert_to_tensor(raw)
    found = implied_logits(tensor, (-1, -1, 0, 2))
    found = sigmoid(ops.convert_to_numpy(found))
    p = sigmoid(raw)
    expected = [
        p[:, 0],
        p[:, 1],
        p[:, 0] * p[:, 2],
        p[:, 0] * p[:, 2] * p[:, 3],
    ]
    np.testing.assert_allclose(found, np.stack(expected, 1), rtol=1e-5)


@pytest.mark.parametrize("size", [1e2, 1e4])
def test_logits_of_any_size_stay_finite(size):
    raw = np.array([[size, size], [-size, -size], [size, -size]], "float32")
    found = implied_logits(ops.convert_to_tensor(raw), (-1, 0))[:, 1]
    np.testing.assert_allclose(
        ops.convert_to_numpy(found),
        [size - np.log(2), -2 * size, -size],
        rtol=1e-6,
    )


def test_a_head_keeps_the_parent_to_the_bit():
    head = ExpandableDense(2, exclusive=False)
    before = ops.convert_to_numpy(head(FEATURES))
    head.expand(1, parents=[0])
    head.expand(2, parents=[None, 2])
    after = ops.convert_to_numpy(head(FEATURES))
    np.testing.assert_array_equal(after[:, :2], before)
    assert (after[:, 2] < before[:, 0]).all()
    assert (after[:, 4] < after[:, 2]).all()


def test_the_configuration_keeps_what_does_not_exclude():
    head = ExpandableDense(2, exclusive=False)
    again = ExpandableDense.from_config(head.get_config())
    assert not again.exclusive
    assert keras.layers.deserialize(
        keras.layers.serialize(ExpandableDense(2))
    ).exclusive
