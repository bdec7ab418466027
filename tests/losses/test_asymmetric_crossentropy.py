import keras
import numpy as np
import pytest

from keras_incremental.losses import AsymmetricCrossentropy
from keras_incremental.testing.gradients import gradient
from keras_incremental.utils.phase import Phase

Z = np.array(
    [[0.3, 1, -2, 0, 1], [1, 1, 0, 2, -1], [0, 2, 1, -1, 3]], "float32"
)


def crossentropy(z, label):
    return np.log(np.exp(np.float64(z)).sum()) - z[label]


def test_erace_masked_gradient_zero():
    labels = np.array([2, 3, 2])
    loss = AsymmetricCrossentropy(num_old=2)
    slope = gradient(lambda z: loss(labels, z), Z)
    assert not slope[:, [0, 1, 4]].any() and slope[:, [2, 3]].all()


def test_replayed_samples_compete_with_all_classes():
    labels = np.array([2, 3, 0])
    loss = AsymmetricCrossentropy(num_old=2)
    expected = [
        crossentropy(Z[0, [2, 3]], 0),
        crossentropy(Z[1, [2, 3]], 1),
        crossentropy(Z[2], 0),
    ]
    value = float(loss(labels, Z))
    assert value == pytest.approx(np.mean(expected), rel=1e-5)


def test_old_classes_of_the_batch_do_not_compete_with_new_samples():
    loss = AsymmetricCrossentropy(num_old=2)
    slope = gradient(lambda z: loss(np.array([0, 2, 3]), z), Z)
    assert slope[0].all() and not slope[1:, [0, 1, 4]].any()


def test_one_new_class_in_the_batch_gives_zero():
    loss = AsymmetricCrossentropy(num_old=2)
    assert float(loss(np.array([3, 3, 3]), Z)) == pytest.approx(0, abs=1e-6)


def test_with_all_classes_present_and_none_old_before_it_is_crossentropy():
    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    labels, z = np.array([0, 1, 2]), Z[:, :3]
    expected = float(plain(labels, z))
    loss = AsymmetricCrossentropy(num_old=0)
    assert float(loss(labels, z)) == pytest.approx(expected, rel=1e-5)


def test_new_classes_are_all_compared_where_all_are_present():
    labels = np.array([1, 2, 3])
    loss = AsymmetricCrossentropy(num_old=1)
    expected = [
        crossentropy(z[1:4], y - 1) for z, y in zip(Z, labels, strict=True)
    ]
    value = float(loss(labels, Z[:, :4]))
    assert value == pytest.approx(np.mean(expected), rel=1e-5)


def test_in_the_first_phase_absent_classes_compete_too():
    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    labels = np.array([0, 1, 0])
    phase = Phase(group_sizes=(5,), num_old=0, counts=(1,) * 5)
    loss = AsymmetricCrossentropy(num_old=3).for_phase(phase)
    expected = float(plain(labels, Z))
    assert float(loss(labels, Z)) == pytest.approx(expected, rel=1e-5)


def test_samples_without_a_label_bring_no_class_into_the_batch():
    loss = AsymmetricCrossentropy(num_old=2)
    slope = gradient(lambda z: loss(np.array([2, 3, -1]), z), Z)
    assert not slope[:, 4].any() and not slope[2].any()
