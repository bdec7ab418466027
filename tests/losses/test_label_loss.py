import keras
import numpy as np
import pytest

from keras_incremental import losses
from keras_incremental.losses.label_loss import LabelLoss
from keras_incremental.testing.gradients import gradient

LABELS = np.array([0, 3, 2, 1])
Z = np.array(
    [[0.3, 1, -2, 0], [1, 1, 0, 2], [0, 2, 1, -1], [-1, 0.5, 1, 4]], "float32"
)
ALL = {
    "AsymmetricCrossentropy": lambda: losses.AsymmetricCrossentropy(2),
    "IncrementalSigmoidCrossentropy": (
        lambda: losses.IncrementalSigmoidCrossentropy(2)
    ),
    "LogitAdjustedCrossentropy": (
        lambda: losses.LogitAdjustedCrossentropy(1.0, [1, 2, 3, 0])
    ),
    "NCALoss": losses.NCALoss,
    "SeparatedSoftmax": lambda: losses.SeparatedSoftmax(2),
}

every_loss = pytest.mark.parametrize("make", ALL.values(), ids=ALL)


def test_every_such_loss_is_tested_here():
    classes = [c for c in vars(losses).values() if isinstance(c, type)]
    assert {c.__name__ for c in classes if issubclass(c, LabelLoss)} == {*ALL}


@every_loss
def test_samples_without_a_label_do_not_count(make):
    loss = make()
    labels = np.array([0, -1, 2, -1])
    expected = float(loss(labels[::2], Z[::2]))
    assert float(loss(labels, Z)) == pytest.approx(expected, rel=1e-5)
    slope = gradient(lambda z: loss(labels, z), Z)
    assert not slope[1::2].any() and slope[::2].any()


@every_loss
def test_a_batch_without_any_label_gives_zero(make):
    loss, labels = make(), np.full(4, -1)
    assert float(loss(labels, Z)) == 0.0
    assert not gradient(lambda z: loss(labels, z), Z).any()


@every_loss
def test_a_label_that_is_no_class_is_refused(make):
    with pytest.raises(ValueError, match=r"from 0 to 3, or -1.*\[4\]"):
        make()(np.array([0, 1, 2, 4]), Z)


@every_loss
def test_every_pixel_of_a_map_is_a_sample(make):
    loss = make()
    expected = float(loss(LABELS, Z))
    value = float(loss(LABELS.reshape(1, 2, 2), Z.reshape(1, 2, 2, 4)))
    assert value == pytest.approx(expected, rel=1e-5)


@every_loss
def test_labels_may_have_a_dimension_of_one(make):
    value = keras.ops.convert_to_numpy(make()(LABELS[:, None], Z))
    assert value == pytest.approx(float(make()(LABELS, Z)), rel=1e-6)
