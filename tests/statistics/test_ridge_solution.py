import numpy as np
import pytest

from keras_incremental.layers import ridge
from keras_incremental.statistics import FeatureStatistics
from keras_incremental.statistics import gram
from keras_incremental.statistics import ridge_solution

RANDOM = np.random.default_rng(0)


def clouds(counts, num_features=6):
    labels = np.repeat(np.arange(len(counts)), counts)
    centers = RANDOM.normal(3, 1, size=(len(counts), num_features))
    noise = RANDOM.normal(size=(len(labels), num_features))
    return centers[labels] + noise, labels


def expected_share(gram, penalty):
    """How large the weights are expected to be, a matrix."""
    size = np.eye(len(gram))
    above = gram + penalty.ridge * penalty.cosine * size
    below = penalty.ridge * size + penalty.cosine * gram
    return above @ np.linalg.inv(below)


def kernel_of(gram, products, share, ridge):
    """`inverse(gram + ridge * inverse(share)) @ products`."""
    inner = gram @ share + ridge * np.eye(len(gram))
    return share @ np.linalg.solve(inner, products)


def best_of_cosine(statistics, cosine):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gram, "COSINES", [cosine])
        return ridge_solution.solved(statistics)


def gram_of(statistics, each):
    steps = statistics.means - statistics.means.mean(0)
    return statistics.scatter + each * steps.T @ steps, each * steps.T


@pytest.fixture(params=gram.COSINES)
def only_cosine(request, monkeypatch):
    monkeypatch.setattr(gram, "COSINES", [request.param])
    return request.param


@pytest.mark.parametrize("width", [4, 40])
def test_classes_of_one_size_give_the_regression_of_their_samples(
    width, only_cosine
):
    features, labels = clouds([10, 10, 10], width)
    solution = ridge_solution.solved(FeatureStatistics.of(features, labels))
    assert solution.penalty.cosine == only_cosine
    centered = features - features.mean(0)
    gram = centered.T @ centered
    kernel = kernel_of(
        gram,
        centered.T @ (np.eye(3)[labels] - 1 / 3),
        expected_share(gram, solution.penalty),
        solution.penalty.ridge,
    )
    np.testing.assert_allclose(solution.kernel, kernel, atol=1e-8)
    np.testing.assert_allclose(
        solution.scores(features), centered @ kernel + 1 / 3, atol=1e-8
    )


@pytest.mark.parametrize("counts", [(10, 10, 10), (30, 2, 7), (2, 2)])
@pytest.mark.parametrize("width", [4, 40, 200])
def test_a_sample_left_out_is_as_if_never_seen(counts, width, only_cosine):
    features, labels = clouds(counts, width)
    whole = FeatureStatistics.of(features, labels)
    solution = ridge_solution.solved(whole)
    found = solution.left_out(features, labels)
    each = solution.each
    share = expected_share(gram_of(whole, each)[0], solution.penalty)
    for i in (0, counts[0], len(labels) - 1):
        rest = whole - FeatureStatistics.of(features[[i]], labels[[i]])
        kernel = kernel_of(*gram_of(rest, each), share, solution.penalty.ridge)
        expected = (features[i] - rest.means.mean(0)) @ kernel
        expected = expected + 1 / len(counts)
        # What is fitted exactly leaves less of a sample that is left out.
        tolerance = 1e-6 if only_cosine == 1 else 1e-5
        np.testing.assert_allclose(found[i], expected, atol=tolerance)


@pytest.mark.parametrize(("large", "count"), [(True, 40), (False, 400)])
def test_large_features_count_more_where_these_tell_the_classes(large, count):
    random = np.random.default_rng(3)
    labels = np.arange(count + 2000) % 2
    spread = np.geomspace(3, 0.1, 200)
    tells = np.arange(200) < 50 if large else np.arange(200) >= 150
    x = random.normal(size=(len(labels), 200)) * spread
    x += np.outer(labels, spread * tells)
    whole = FeatureStatistics.of(x[:count], labels[:count])
    found, plain = ridge_solution.solved(whole), best_of_cosine(whole, 1.0)
    right, plain_right = (
        np.mean(each.scores(x[count:]).argmax(-1) == labels[count:])
        for each in (found, plain)
    )
    if large:
        assert found.penalty.cosine < 1
        assert right > plain_right > 0.9
    else:
        assert found.penalty == plain.penalty
        assert right == plain_right > 0.9


def test_a_rare_class_weighs_as_much_as_others():
    # Classes with the same scatter, at corners of a triangle.
    noise = np.random.default_rng(1).normal(size=(500, 2))
    corners = np.array([[0, 0], [3, 0], [0, 3]])
    counts = [500, 500, 5]
    x = np.concatenate(
        [c + noise[:n] for c, n in zip(corners, counts, strict=True)]
    )
    labels = np.repeat([0, 1, 2], counts)
    statistics = FeatureStatistics.of(x, labels)
    solution = ridge_solution.solved(statistics)
    test = np.random.default_rng(2).normal(size=(1000, 2)) + corners[2]
    counted, center, shares = ridge.regression(statistics, True, len(labels))
    counted = (test - center) @ ridge.fit(counted, "evidence") + shares
    assert np.mean(counted.argmax(-1) == 2) < 0.1
    assert np.mean(solution.scores(test).argmax(-1) == 2) > 0.8


def test_the_order_of_classes_and_chunks_does_not_matter():
    features, labels = clouds([10, 7, 4])
    statistics = FeatureStatistics.of(features, labels)
    order = RANDOM.permutation(21)
    parts = FeatureStatistics()
    for part in np.array_split(order, 5):
        parts = parts.updated(features[part], labels[part])
    np.testing.assert_allclose(
        ridge_solution.solved(parts).kernel,
        ridge_solution.solved(statistics).kernel,
        atol=1e-6,
    )


def test_one_sample_of_each_class_is_told_apart():
    features, labels = clouds([1] * 5, 20)
    solution = ridge_solution.solved(FeatureStatistics.of(features, labels))
    found = solution.scores(features).argmax(-1)
    assert found.tolist() == labels.tolist()


def test_features_that_are_constant_or_zero_change_nothing():
    features, labels = clouds([10, 10, 10])
    useless = np.concatenate(
        [features, np.full((30, 2), 1e3), np.zeros((30, 2))], axis=1
    )
    found, expected = (
        ridge_solution.solved(FeatureStatistics.of(x, labels))
        for x in (useless, features)
    )
    np.testing.assert_allclose(found.kernel[6:], 0, atol=1e-8)
    np.testing.assert_allclose(
        found.left_out(useless, labels),
        expected.left_out(features, labels),
        atol=1e-4,
    )


def test_copies_of_features_leave_the_answers():
    features, labels = clouds([10, 10, 10])
    copied = np.concatenate([features, features], 1)
    found, expected = (
        ridge_solution.solved(FeatureStatistics.of(x, labels)).scores(x)
        for x in (copied, features)
    )
    np.testing.assert_allclose(found, expected, atol=1e-3)
