import numpy as np
import pytest

from keras_incremental.layers import FeCAM
from keras_incremental.layers import NearestClassMean
from keras_incremental.layers.fecam import correlation

RANDOM = np.random.default_rng(0)
LABELS = np.arange(60) % 3
FEATURES = RANDOM.gamma(2, size=(60, 4)) + 2 * np.eye(4)[LABELS]
OTHERS = RANDOM.gamma(2, size=(40, 4)).astype("float32")


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def adapted(features=FEATURES, **kwargs):
    head = FeCAM(3, **kwargs)
    head.adapt(features, LABELS)
    return head


def shrunk_once(covariance, diagonal, off_diagonal):
    """As the authors write it."""
    off = ~np.eye(len(covariance), dtype=bool)
    variance = np.diag(covariance).mean()
    between = covariance[off].mean()
    identity = np.eye(len(covariance))
    return (
        covariance
        + diagonal * variance * identity
        + off_diagonal * between * (1 - identity)
    )


def distances(vectors, means, covariances):
    """Mahalanobis distances, one vector and one class at a time."""
    result = np.zeros((len(vectors), len(means)))
    for i, vector in enumerate(vectors):
        for k, mean in enumerate(means):
            step = vector - mean
            result[i, k] = step @ np.linalg.pinv(covariances[k]) @ step
    return result


def authors_covariance(covariance):
    covariance = shrunk_once(shrunk_once(covariance, 1, 1), 1, 1)
    deviations = np.sqrt(np.diag(covariance))
    return covariance / np.outer(deviations, deviations)


def test_distances_are_those_of_the_slow_formula():
    roots = np.sqrt(FEATURES)
    groups = [roots[LABELS == k] for k in range(3)]
    expected = distances(
        unit(np.sqrt(OTHERS)),
        [unit(g.mean(0)) for g in groups],
        [authors_covariance(np.cov(g.T)) for g in groups],
    )
    found = np.asarray(adapted(scale=1.0)(OTHERS))
    np.testing.assert_allclose(found, -expected, atol=1e-5)


def test_a_shared_covariance_is_that_within_classes():
    roots = np.sqrt(FEATURES)
    groups = [roots[LABELS == k] for k in range(3)]
    within = sum(np.cov(g.T, bias=True) for g in groups) / 3
    expected = -distances(
        unit(np.sqrt(OTHERS)),
        [unit(g.mean(0)) for g in groups],
        [authors_covariance(within)] * 3,
    )
    found = np.asarray(adapted(scale=1.0, shared=True)(OTHERS))
    np.testing.assert_allclose(
        found - found[:, :1], expected - expected[:, :1], atol=1e-5
    )


@pytest.mark.parametrize("shared", [True, False])
def test_a_large_diagonal_gives_the_nearest_mean_of_roots(shared):
    head = adapted(diagonal=1e9, off_diagonal=0, shared=shared, scale=1.0)
    means = [unit(np.sqrt(FEATURES[LABELS == k]).mean(0)) for k in range(3)]
    nearest = (unit(np.sqrt(OTHERS)) @ np.transpose(means)).argmax(-1)
    np.testing.assert_array_equal(np.asarray(head(OTHERS)).argmax(-1), nearest)


def test_spherical_classes_give_the_nearest_mean():
    # Both classes have as much spread to every side.
    sides = np.concatenate([np.eye(4), -np.eye(4)])
    features = np.concatenate([sides + [9, 5, 5, 5], sides + [5, 5, 5, 9]])
    labels = np.repeat([0, 1], 8)
    head, nearest = FeCAM(2, power=1.0), NearestClassMean(2)
    head.adapt(features, labels)
    nearest.adapt(head.statistics.means, [0, 1])
    np.testing.assert_array_equal(
        np.asarray(head(OTHERS)).argmax(-1),
        np.asarray(nearest(OTHERS)).argmax(-1),
    )


def test_the_order_of_the_features_does_not_matter():
    order = [2, 0, 3, 1]
    scores = np.asarray(adapted()(OTHERS))
    others = np.asarray(adapted(FEATURES[:, order])(OTHERS[:, order]))
    np.testing.assert_allclose(others, scores, atol=1e-4)


@pytest.mark.parametrize("shared", [True, False])
def test_the_only_class_always_wins(shared):
    head = FeCAM(3, shared=shared)
    head.adapt(FEATURES[LABELS == 1], [1] * 20)
    assert set(np.asarray(head(OTHERS)).argmax(-1)) == {1}


def test_correlations_have_a_diagonal_of_ones():
    found = correlation(np.cov(FEATURES.T), 2.0, 1.0)
    np.testing.assert_allclose(np.diagonal(found), 1, rtol=1e-12)
    assert np.linalg.eigvalsh(found).min() > 0


def test_correlations_are_positive_with_the_least_mean_covariance():
    # Their sum over all pairs is 0: the most negative that it can be.
    found = correlation(np.eye(4) - 0.25, 1.0, 1.0)
    assert np.linalg.eigvalsh(found).min() > -1e-12


def test_one_sample_of_each_class_is_the_nearest_mean():
    head = FeCAM(2)
    head.adapt(np.eye(4)[:2], [0, 1])
    scores = np.asarray(head(np.eye(4)[:2].astype("float32")))
    assert scores.argmax(-1).tolist() == [0, 1]


def test_negative_features_keep_their_sign():
    head = adapted(FEATURES - 2)
    scores = np.asarray(head(OTHERS - 2))
    assert np.isfinite(scores).all()
    assert np.any(scores != np.asarray(head(np.abs(OTHERS - 2))))


def test_maps_have_scores_at_every_position():
    head = adapted()
    flat = np.asarray(head(OTHERS))
    maps = np.asarray(head(OTHERS.reshape(10, 2, 2, 4)))
    np.testing.assert_allclose(maps.reshape(40, 3), flat, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "value"),
    [("power", 0), ("power", 2), ("diagonal", 0), ("off_diagonal", 4)],
)
def test_impossible_arguments_are_refused(name, value):
    with pytest.raises(ValueError, match=f"`{name}` of FeCAM"):
        FeCAM(2, **{name: value})
