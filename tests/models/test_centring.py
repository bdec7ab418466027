import numpy as np
import pytest
from keras import ops

from keras_incremental.layers import ExpandableDense
from keras_incremental.models.centring import FeatureStatistics
from keras_incremental.models.centring import can_centre
from keras_incremental.models.centring import centred
from keras_incremental.regularizers.quadratic_penalty import QuadraticPenalty


@pytest.fixture
def features():
    return np.random.default_rng(0).normal(5, 2, (40, 3)).astype("float32")


def test_statistics_do_not_depend_on_the_chunks(features):
    whole = FeatureStatistics().updated(features)
    parts = FeatureStatistics().updated(features[:7]).updated(features[7:])
    np.testing.assert_allclose(parts.mean, features.mean(0), rtol=1e-6)
    expected = np.sqrt(np.mean((features - features.mean(0)) ** 2))
    assert parts.scale == pytest.approx(expected, rel=1e-6)
    assert whole.scale == pytest.approx(parts.scale)


def test_updating_leaves_the_statistics_as_they_were(features):
    statistics = FeatureStatistics().updated(features)
    mean = statistics.mean.copy()
    statistics.updated(features + 1)
    np.testing.assert_array_equal(statistics.mean, mean)


def test_constant_features_have_scale_one():
    assert FeatureStatistics().updated(np.ones((4, 2))).scale == 1.0


def test_centred_coordinates_give_the_same_logits(features):
    head = ExpandableDense([2, 1])
    logits = ops.convert_to_numpy(head(features))
    statistics = FeatureStatistics().updated(features)
    with centred(head, statistics):
        moved = (features - statistics.mean) / statistics.scale
        inside = ops.convert_to_numpy(head(moved.astype("float32")))
    after = ops.convert_to_numpy(head(features))
    np.testing.assert_allclose(inside, logits, atol=1e-5)
    np.testing.assert_allclose(after, logits, atol=1e-5)


def test_frozen_columns_come_back_to_the_bit(features):
    head = ExpandableDense([2, 1], frozen_groups=1)
    head(features)
    before = head.columns("kernel")
    with centred(head, FeatureStatistics().updated(features)):
        head.assign_columns("kernel", head.columns("kernel") + 1)
    np.testing.assert_array_equal(head.columns("kernel")[:, :2], before[:, :2])
    assert np.all(head.columns("kernel")[:, 2] != before[:, 2])


def test_a_penalty_forbids_other_coordinates(features):
    head = ExpandableDense(2)
    head(features)
    assert can_centre(head)
    kernel = head.columns("kernel")
    head.weights[0].regularizer = QuadraticPenalty(np.ones_like(kernel), kernel)
    assert not can_centre(head)
