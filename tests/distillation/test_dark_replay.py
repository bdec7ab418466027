import keras
import numpy as np
import pytest

from keras_incremental.distillation import DarkReplay
from keras_incremental.testing.gradients import gradient

NAN = np.nan
LOGITS = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]], "float32")
# Two classes known, all three known, and never stored.
STORED = np.array([[0, 4, NAN], [4, 5, 3], [NAN, NAN, NAN]], "float32")


def loss(logits, stored):
    outputs = {"logits": logits, "stored": stored}
    return DarkReplay().compute_loss({}, outputs)


def value(logits, stored):
    return float(keras.ops.convert_to_numpy(loss(logits, stored)))


def test_value_is_the_mean_over_stored_classes_and_samples():
    expected = ((1 + 4) / 2 + (0 + 0 + 9) / 3) / 2
    assert value(LOGITS, STORED) == pytest.approx(expected, rel=1e-6)


def test_gradient_at_stored_columns_is_the_difference():
    k, batch = 2, 3
    stored = np.concatenate([LOGITS[:, :k] + [[1.0, -2]], LOGITS[:, k:]], -1)
    stored[:, k:] = NAN
    a = DarkReplay().weight
    found = gradient(lambda z: a * loss(z, np.float32(stored)), LOGITS)
    expected = 2 * a * (LOGITS - stored)[:, :k] / (batch * k)
    np.testing.assert_allclose(found[:, :k], expected, atol=1e-6)
    assert not found[:, k:].any()


def test_samples_that_were_not_stored_have_no_gradient():
    found = gradient(lambda z: loss(z, STORED), LOGITS)
    assert np.isfinite(found).all() and not found[2].any()
    assert found[0, :2].all() and found[0, 2] == 0


def test_equal_logits_give_zero():
    assert value(LOGITS, LOGITS) == 0.0


def test_a_batch_in_which_nothing_was_stored_gives_zero():
    stored = np.full_like(LOGITS, NAN)
    assert value(LOGITS, stored) == 0.0
    assert not gradient(lambda z: loss(z, stored), LOGITS).any()


def test_fewer_stored_columns_than_logits_are_the_first():
    expected = value(LOGITS[:, :2], STORED[:, :2])
    assert value(LOGITS, STORED[:, :2]) == pytest.approx(expected, rel=1e-6)
