import numpy as np
import pytest
from keras import ops

from keras_incremental.layers import ExpandableDense
from keras_incremental.models.centering import Coordinates
from keras_incremental.models.centering import can_center
from keras_incremental.models.centering import centered
from keras_incremental.models.student import Student
from keras_incremental.regularizers.quadratic_penalty import QuadraticPenalty
from keras_incremental.statistics import FeatureStatistics
from keras_incremental.utils.graph import split_head

LABELS = np.arange(40) % 2


@pytest.fixture
def features():
    return np.random.default_rng(0).normal(5, 2, (40, 3)).astype("float32")


def coordinates_of(features):
    statistics = FeatureStatistics().updated(features, LABELS)
    return Coordinates(statistics.mean, statistics.scale)


def test_centred_coordinates_give_the_same_logits(features):
    head = ExpandableDense([2, 1])
    logits = ops.convert_to_numpy(head(features))
    coordinates = coordinates_of(features)
    with centered(head, coordinates):
        moved = (features - coordinates.mean) / coordinates.scale
        inside = ops.convert_to_numpy(head(moved.astype("float32")))
    after = ops.convert_to_numpy(head(features))
    np.testing.assert_allclose(inside, logits, atol=1e-5)
    np.testing.assert_allclose(after, logits, atol=1e-5)


def test_frozen_columns_come_back_to_the_bit(features):
    head = ExpandableDense([2, 1], frozen_groups=1)
    head(features)
    before = head.columns("kernel")
    with centered(head, coordinates_of(features)):
        head.assign_columns("kernel", head.columns("kernel") + 1)
    np.testing.assert_array_equal(head.columns("kernel")[:, :2], before[:, :2])
    assert np.all(head.columns("kernel")[:, 2] != before[:, 2])


def test_a_penalty_forbids_other_coordinates(features):
    head = ExpandableDense(2)
    head(features)
    assert can_center(head)
    kernel = head.columns("kernel")
    head.weights[0].regularizer = QuadraticPenalty(np.ones_like(kernel), kernel)
    assert not can_center(head)


def test_a_callback_reads_the_logits_that_are_trained(features):
    head = ExpandableDense([2, 1])
    head(features)
    coordinates = coordinates_of(features)
    with centered(head, coordinates):
        student = Student(None, head, coordinates=coordinates)
        split = split_head(student)
        read = split.head(split.features(features, training=False))
        np.testing.assert_allclose(
            ops.convert_to_numpy(read),
            ops.convert_to_numpy(student(features)),
            atol=1e-5,
        )
