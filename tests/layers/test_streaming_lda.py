import keras
import numpy as np
import pytest

from keras_incremental.layers import NearestClassMean
from keras_incremental.layers import StreamingLDA
from keras_incremental.statistics import shrinkage as shrinkages

RANDOM = np.random.default_rng(0)
LABELS = np.repeat([0, 1, 2], [20, 12, 8])
MIXING = RANDOM.normal(size=(5, 5))
FEATURES = RANDOM.normal(size=(40, 5)) @ MIXING + 3 * np.eye(5)[LABELS]
OTHERS = RANDOM.normal(size=(40, 5)).astype("float32")


def adapted(**kwargs):
    head = StreamingLDA(3, **kwargs)
    head.adapt(FEATURES, LABELS)
    return head


def log_densities(features, shrinkage):
    """Of the three classes, up to what they share, by the textbook."""
    groups = [FEATURES[LABELS == k] for k in range(3)]
    scatter = sum(np.cov(g.T, bias=True) * len(g) for g in groups)
    covariance = scatter / len(FEATURES)
    sphere = np.trace(covariance) / 5 * np.eye(5)
    inverse = np.linalg.inv((1 - shrinkage) * covariance + shrinkage * sphere)
    means = np.stack([g.mean(0) for g in groups])
    squares = 0.5 * np.einsum("kd,de,ke->k", means, inverse, means)
    return features @ inverse @ means.T - squares


def relative(scores):
    return np.asarray(scores) - np.asarray(scores)[:, :1]


def test_scores_are_those_of_the_batch_form():
    expected = log_densities(OTHERS, 0.2)
    head = adapted(shrinkage=0.2)
    np.testing.assert_allclose(
        relative(head(OTHERS)), relative(expected), atol=1e-4
    )


def test_slda_batch_equals_stream():
    # One sample at a time, as the paper updates them.
    counts, means = np.zeros(3), np.zeros((3, 5))
    scatter = np.zeros((5, 5))
    for i in np.random.default_rng(3).permutation(40):
        k = LABELS[i]
        step = FEATURES[i] - means[k]
        scatter += counts[k] / (counts[k] + 1) * np.outer(step, step)
        counts[k] += 1
        means[k] += step / counts[k]
    statistics = adapted().statistics
    np.testing.assert_array_equal(statistics.counts, counts)
    np.testing.assert_allclose(statistics.means, means, rtol=1e-8)
    np.testing.assert_allclose(statistics.scatter, scatter, rtol=1e-8)


def test_a_spherical_covariance_gives_the_nearest_mean():
    head = adapted(shrinkage=1.0)
    nearest = NearestClassMean(3, normalize=False)
    nearest.adapt(FEATURES, LABELS)
    np.testing.assert_array_equal(
        np.asarray(head(OTHERS)).argmax(-1),
        np.asarray(nearest(OTHERS)).argmax(-1),
    )


def test_two_classes_are_parted_by_the_analytic_line():
    # Covariance diag(1, 4), means (1, 2) and (-1, -2): 2 x + y = 0.
    corners = np.array([[1, 2], [1, -2], [-1, 2], [-1, -2]], "float64")
    head = StreamingLDA(2, shrinkage=1e-9)
    head.adapt(corners + [1, 2], [0] * 4)
    head.adapt(corners - [1, 2], [1] * 4)
    x = np.array([[1, -2], [-3, 6], [1, -1.9], [1, -2.1]], "float32")
    scores = np.asarray(head(x))
    differences = scores[:, 0] - scores[:, 1]
    np.testing.assert_allclose(differences[:2], 0, atol=1e-5)
    np.testing.assert_allclose(differences[2:], [0.1, -0.1], atol=1e-5)


def test_priors_add_the_logarithm_of_the_shares():
    difference = relative(adapted(priors=True)(OTHERS)) - relative(
        adapted()(OTHERS)
    )
    expected = np.log([1, 12 / 20, 8 / 20])
    np.testing.assert_allclose(difference, [expected] * 40, atol=1e-5)


def test_features_far_from_zero_lose_nothing_in_float32():
    near, far = adapted(shrinkage=0.1), StreamingLDA(3, shrinkage=0.1)
    far.adapt(FEATURES + 500, LABELS)
    np.testing.assert_allclose(
        relative(far(OTHERS + 500)), relative(near(OTHERS)), atol=0.02
    )


def test_one_sample_of_each_class_is_the_nearest_mean():
    head = StreamingLDA(2)
    head.adapt(np.array([[1.0, 0.0], [0.0, 2.0]]), [0, 1])
    scores = np.asarray(head(np.array([[0.9, 0.1], [0.2, 1.9]], "float32")))
    assert scores.argmax(-1).tolist() == [0, 1]


@pytest.mark.parametrize("shrinkage", [0, 1.1, "ledoit", True, None])
def test_an_impossible_shrinkage_is_refused(shrinkage):
    with pytest.raises(ValueError, match="`shrinkage` of StreamingLDA"):
        StreamingLDA(2, shrinkage=shrinkage)


def test_it_ends_a_model_that_was_never_built():
    body = keras.Sequential([keras.Input((5,)), keras.layers.Rescaling(2.0)])
    model = keras.Sequential([body, StreamingLDA(3)])
    model.layers[-1].adapt(body.predict(FEATURES, verbose=0), LABELS)
    found = model.predict(FEATURES, verbose=0).argmax(-1)
    covariance = adapted().statistics.scatter / 40
    share = shrinkages.best_shrinkage(covariance, 37)
    expected = log_densities(FEATURES, share).argmax(-1)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["evidence", "oas"])
def test_the_shrinkage_is_found_from_the_statistics(name):
    head = adapted(shrinkage=name)
    covariance = head.statistics.scatter / 40
    share = {
        "evidence": shrinkages.best_shrinkage(covariance, 37),
        "oas": shrinkages.oas(covariance, 40),
    }[name]
    np.testing.assert_allclose(
        head.columns("kernel"), adapted(shrinkage=share).columns("kernel")
    )


def test_maps_have_a_label_at_every_position():
    head = StreamingLDA(3)
    head.adapt(FEATURES.reshape(10, 2, 2, 5), LABELS.reshape(10, 2, 2))
    np.testing.assert_allclose(
        head.columns("kernel"), adapted().columns("kernel"), rtol=1e-5
    )
    assert tuple(head(OTHERS.reshape(10, 2, 2, 5)).shape) == (10, 2, 2, 3)
