import keras
import numpy as np
import pytest

from keras_incremental.distillation import PooledOutputs
from keras_incremental.distillation.pooled_outputs import pooled
from keras_incremental.testing.gradients import gradient

RANDOM = np.random.default_rng(0)
TEACHER = RANDOM.normal(size=(2, 3, 4, 5)).astype("float32")
STUDENT = RANDOM.normal(size=(2, 3, 4, 5)).astype("float32")


def value(teacher, student):
    outputs = PooledOutputs().compute_loss({"maps": teacher}, {"maps": student})
    return float(keras.ops.convert_to_numpy(outputs))


def by_hand(maps):
    energy = np.float64(maps) ** 2
    rows, columns = energy.sum(2), energy.sum(1)
    count = len(maps)
    flat = np.concatenate(
        [rows.reshape(count, -1), columns.reshape(count, -1)], -1
    )
    return flat / np.linalg.norm(flat, axis=-1, keepdims=True)


def test_value_is_the_distance_of_the_pooled_maps():
    other = STUDENT[:, :2]
    distances = [
        np.linalg.norm(by_hand(a) - by_hand(b), axis=-1).mean()
        for a, b in ((TEACHER, STUDENT), (TEACHER[:, :2], other * 2))
    ]
    found = value([TEACHER, TEACHER[:, :2]], [STUDENT, other * 2])
    assert found == pytest.approx(np.mean(distances), rel=1e-4)


@pytest.mark.parametrize("maps", [TEACHER, 0 * TEACHER], ids=["any", "zeros"])
def test_pod_zero_finite_grad(maps):
    def loss(x):
        return PooledOutputs().compute_loss({"maps": [maps]}, {"maps": [x]})

    assert value([maps], [maps]) == 0.0
    slope = gradient(loss, maps)
    np.testing.assert_allclose(slope, 0.0, atol=1e-6)


def test_a_student_of_zeros_has_a_finite_gradient():
    def loss(x):
        return PooledOutputs().compute_loss({"maps": [TEACHER]}, {"maps": [x]})

    assert np.isfinite(gradient(loss, 0 * TEACHER)).all()


def test_the_scale_of_each_sample_has_no_effect():
    scales = np.array([0.1, 20.0], "float32").reshape(2, 1, 1, 1)
    expected = value([TEACHER], [STUDENT])
    found = value([TEACHER], [STUDENT * scales])
    assert found == pytest.approx(expected, rel=1e-5)


def test_moving_places_along_the_width_changes_the_columns_only():
    rows = 3 * 5
    before = keras.ops.convert_to_numpy(pooled(STUDENT))
    after = keras.ops.convert_to_numpy(pooled(STUDENT[:, :, [2, 0, 3, 1]]))
    np.testing.assert_allclose(after[:, :rows], before[:, :rows], atol=1e-6)
    assert np.abs(after[:, rows:] - before[:, rows:]).max() > 0.01


def test_layers_are_kept_as_they_are_named():
    assert PooledOutputs().layers == "auto"
    assert PooledOutputs("block1").layers == ["block1"]
    assert PooledOutputs(("a", "b")).get_config()["layers"] == ["a", "b"]


@pytest.mark.parametrize("layers", [[], [1]])
def test_layers_that_are_no_names_are_refused(layers):
    with pytest.raises(ValueError, match="`layers` of PooledOutputs"):
        PooledOutputs(layers)
