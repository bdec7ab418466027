import keras
import numpy as np
import pytest

from keras_incremental.distillation import FeatureMatching
from keras_incremental.distillation import LessForget
from keras_incremental.testing.gradients import gradient
from keras_incremental.utils.phase import Phase

TEACHER = np.array([[1.0, 0, 0], [0, 2, 0]], "float32")
STUDENT = np.array([[0.0, 3, 4], [0, -1, 0]], "float32")


def value(term, teacher, student):
    outputs = term.compute_loss({"features": teacher}, {"features": student})
    return float(keras.ops.convert_to_numpy(outputs))


def test_mse_is_the_mean_over_samples_and_features():
    found = value(FeatureMatching("mse"), TEACHER, STUDENT)
    assert found == pytest.approx((1 + 9 + 16 + 9) / 6, rel=1e-6)


@pytest.mark.parametrize("term", [FeatureMatching("cosine"), LessForget()])
def test_cosine_is_the_mean_of_one_minus_the_cosines(term):
    assert value(term, TEACHER, STUDENT) == pytest.approx(1.5, rel=1e-6)
    assert value(term, TEACHER, -TEACHER) == pytest.approx(2.0, rel=1e-6)
    assert value(term, TEACHER, TEACHER) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 50.0])
def test_cosine_does_not_see_how_long_features_are(scale):
    expected = value(LessForget(), TEACHER, STUDENT + 1)
    found = value(LessForget(), 3 * TEACHER, scale * (STUDENT + 1))
    assert found == pytest.approx(expected, rel=1e-5)


def test_gradient_of_the_cosine_is_orthogonal_to_the_features():
    student = STUDENT + 1

    def loss(x):
        return LessForget().compute_loss({"features": TEACHER}, {"features": x})

    slope = gradient(loss, student)
    assert np.abs(slope).max() > 0.01
    np.testing.assert_allclose((slope * student).sum(-1), 0.0, atol=1e-6)


def test_features_of_zeros_have_a_finite_gradient():
    def loss(x):
        return LessForget().compute_loss({"features": TEACHER}, {"features": x})

    slope = gradient(loss, 0 * STUDENT)
    assert np.isfinite(slope).all() and np.abs(slope).max() <= 1


def test_the_weight_of_less_forget_grows_with_the_old_classes():
    phase = Phase((50, 10), 50, (20,) * 50 + (500,) * 10)
    assert LessForget().factor(phase) == pytest.approx(5 * 5**0.5)
    last = Phase((10,) * 10, 90, (20,) * 90 + (500,) * 10)
    assert LessForget().factor(last) == pytest.approx(15.0)


def test_an_unknown_metric_is_refused():
    with pytest.raises(ValueError, match="metric='l1'"):
        FeatureMatching("l1")
