import numpy as np
import pytest

from keras_incremental.statistics import FeatureStatistics
from keras_incremental.statistics import gram
from keras_incremental.statistics.discriminants import Discriminants
from keras_incremental.statistics.discriminants import preferred
from keras_incremental.statistics.penalty import Penalty
from keras_incremental.statistics.ridge_solution import solved
from keras_incremental.statistics.row_statistics import turned
from keras_incremental.statistics.solved_columns import solve_columns


def clouds(centers, count, seed=0):
    random = np.random.default_rng(seed)
    centers = np.asarray(centers, "float64")
    labels = np.repeat(np.arange(len(centers)), count)
    noise = random.normal(size=(len(labels), centers.shape[1]))
    return centers[labels] + noise, labels


def on_a_line(count, seed=0):
    """Five classes, of which each but the outer two is between others."""
    centers = 4 * np.arange(5)[:, None] * np.array([1, 0.5, -1, 0, 0, 0, 0, 0])
    return clouds(centers, count, seed)


def discriminants_of(solution):
    steps = solution.statistics.means - solution.center
    return Discriminants.of(steps, solution.kernel)


def right(scores, labels):
    return np.mean(scores.argmax(-1) == labels)


@pytest.mark.parametrize(("num_classes", "width"), [(4, 9), (12, 5)])
def test_they_are_those_of_the_penalized_scatter(
    num_classes, width, monkeypatch
):
    monkeypatch.setattr(gram, "COSINES", [1.0])
    centers = np.random.default_rng(1).normal(size=(num_classes, width))
    x, labels = clouds(centers, 20)
    statistics = FeatureStatistics.of(x, labels)
    solution = solved(statistics)
    steps = statistics.means - statistics.means.mean(0)
    scatter = statistics.scatter + solution.penalty.ridge * np.eye(width)
    along = np.linalg.solve(scatter, steps.T)
    expected = (x - solution.center) @ along - np.sum(steps.T * along, 0) / 2
    found = discriminants_of(solution).scores(solution.scores(x))
    np.testing.assert_allclose(found, solution.each * expected, atol=1e-8)


@pytest.mark.parametrize("cosine", gram.COSINES)
def test_a_corrected_matrix_counts_as_a_whole_one(cosine):
    x, labels = clouds(np.random.default_rng(2).normal(size=(3, 60)), 30)
    start = FeatureStatistics.of(x, labels)
    basis, rows = turned(start)
    steps = start.means - start.means.mean(0)
    whole = start.gram(30.0, steps)
    corrected = rows.gram(30.0, steps @ basis)
    assert isinstance(corrected, gram.CorrectedGram)
    penalty = Penalty(5.0, cosine)
    matrix = start.scatter + 30 * steps.T @ steps
    values, vectors = np.linalg.eigh(matrix)
    expected = np.sum(values * penalty.inverse(values))
    kernel = np.random.default_rng(3).normal(size=(60, 3))
    for found, along in ((whole, kernel), (corrected, basis.T @ kernel)):
        np.testing.assert_allclose(found.num_fitted(penalty), expected)
        np.testing.assert_allclose(
            found.squares_of(along), kernel.T @ matrix @ kernel
        )


def test_a_class_between_others_is_found():
    x, labels = on_a_line(40)
    test, test_labels = on_a_line(200, seed=1)
    statistics = FeatureStatistics.of(x, labels)
    regression = solved(statistics).scores(test)
    columns, left_out = solve_columns(statistics, x, labels)
    assert right(regression, test_labels) < 0.8
    assert right(columns.scores(test), test_labels) > 0.98
    assert right(left_out.logits, labels) > 0.98


def test_a_sample_left_out_scores_nearly_as_if_never_seen():
    x, labels = on_a_line(40)
    whole = FeatureStatistics.of(x, labels)
    left_out = solve_columns(whole, x, labels)[1].logits
    for i in (0, 90, 199):
        rest = whole - FeatureStatistics.of(x[[i]], labels[[i]])
        rows = np.arange(len(x)) != i
        columns = solve_columns(rest, x[rows], labels[rows])[0]
        found = columns.scores(x[i])
        np.testing.assert_allclose(
            left_out[i] - left_out[i].mean(), found - found.mean(), rtol=0.15
        )


@pytest.mark.parametrize("count", [3, 10])
def test_few_samples_of_many_features_keep_the_regression(count):
    centers = np.random.default_rng(4).normal(size=(5, 300)) / 5
    x, labels = clouds(centers, count)
    assert preferred(solved(FeatureStatistics.of(x, labels))) is None


def test_two_classes_keep_the_regression():
    x, labels = clouds([[0, 0, 0], [2, 0, 0]], 30)
    solution = solved(FeatureStatistics.of(x, labels))
    assert preferred(solution) is None
    # Nothing but the scale would change.
    found = discriminants_of(solution).scores(solution.scores(x))
    assert np.array_equal(found.argmax(-1), solution.scores(x).argmax(-1))


@pytest.mark.parametrize("count", [1, 2])
def test_more_classes_than_features_are_told_apart(count):
    corners = 20.0 * np.array([[i, j] for i in range(4) for j in range(4)])
    x, labels = clouds(corners, count)
    test, test_labels = clouds(corners, 5, seed=1)
    columns, _ = solve_columns(FeatureStatistics.of(x, labels), x, labels)
    assert right(columns.scores(test), test_labels) > 0.95
