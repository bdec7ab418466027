import numpy as np
import pytest

from keras_incremental.statistics import FeatureStatistics
from keras_incremental.statistics import gram
from keras_incremental.statistics import row_statistics
from keras_incremental.statistics.gram import COSINES
from keras_incremental.statistics.ridge_solution import solved
from keras_incremental.statistics.row_statistics import RowStatistics
from keras_incremental.statistics.row_statistics import turned
from keras_incremental.statistics.solved_columns import TurnedColumns
from keras_incremental.statistics.solved_columns import solve_columns

WIDTH = 48


def clouds(labels, seed=0, width=WIDTH):
    random = np.random.default_rng(seed)
    centers = np.random.default_rng(9).normal(size=(6, width))
    spread = np.geomspace(2, 0.05, width)
    return centers[labels] + random.normal(size=(len(labels), width)) * spread


def dead(features):
    """Features that are zero, constant, and copies of others."""
    features = features.copy()
    features[:, 20:30], features[:, 30:35] = 0, 7
    features[:, 35:] = features[:, :13]
    return features


def scaled(features):
    return features * np.geomspace(1e-4, 1e4, WIDTH)


def both(old, new):
    """The whole statistics, and those with new samples as a correction."""
    (x, labels), (later, later_labels) = old, new
    start = FeatureStatistics.of(x, labels)
    basis, rows = turned(start)
    rows = rows.updated(later @ basis, later_labels)
    return start.updated(later, later_labels), basis, rows


def assert_same_head(whole, basis, rows, samples, tolerance=1e-6):
    x, labels = samples
    expected, left_out = solve_columns(whole, x, labels)
    found, ours = solve_columns(rows, x @ basis, labels)
    scale = np.abs(expected.kernel).max()
    np.testing.assert_allclose(
        basis @ found.kernel, expected.kernel, atol=tolerance * scale
    )
    np.testing.assert_allclose(found.bias, expected.bias, rtol=tolerance)
    scale = np.abs(left_out.logits).max(initial=0)
    np.testing.assert_allclose(ours.logits, left_out.logits, atol=1e-4 * scale)


@pytest.fixture(autouse=True)
def corrections(monkeypatch):
    """Corrects, however many rows there are."""
    monkeypatch.setattr(row_statistics, "FEW", 0)


@pytest.mark.parametrize("change", [np.copy, dead, scaled])
@pytest.mark.parametrize("count", [4, 30, 300])
@pytest.mark.parametrize("new", [[3], [3] * 12, [3, 4] * 5, [0, 1, 2, 3] * 4])
def test_a_correction_gives_the_head_of_all_samples(change, count, new):
    labels = np.arange(count) % 3
    old = change(clouds(labels)), labels
    new = change(clouds(np.array(new), 1)), np.array(new)
    # Where few samples are fitted exactly, leaving out one of them cancels,
    # and that finds the temperature.
    tolerance = 1e-6 if count > 4 else 1e-5
    assert_same_head(*both(old, new), new, tolerance)


@pytest.mark.parametrize("cosine", COSINES)
def test_a_correction_has_any_cosine(cosine, monkeypatch):
    monkeypatch.setattr(gram, "COSINES", [cosine])
    labels, later = np.arange(40) % 3, np.array([0, 1, 2, 3] * 4)
    old, new = (clouds(labels), labels), (clouds(later, 1), later)
    assert_same_head(*both(old, new), new)


def test_one_sample_of_each_class_is_told_apart():
    labels, later = np.arange(3), np.arange(3, 6)
    old, new = (clouds(labels), labels), (clouds(later, 1), later)
    whole, basis, rows = both(old, new)
    ours, expected = solved(rows), solved(whole)
    scores = ours.scores(new[0] @ basis)
    assert scores.argmax(-1).tolist() == later.tolist()
    np.testing.assert_allclose(
        basis @ ours.kernel, expected.kernel, atol=1e-6 * expected.kernel.max()
    )


@pytest.mark.parametrize("cosine", COSINES)
def test_the_evidence_is_that_of_the_whole_matrix(cosine):
    labels = np.arange(90) % 3
    whole, _, rows = both(
        (clouds(labels), labels), (clouds(labels + 1, 1), labels + 1)
    )
    ridges = np.geomspace(1e-3, 1e5, 9)
    grams = [
        each.gram(len(each) / 4, each.means - each.means.mean(0))
        for each in (rows, whole)
    ]
    found, expected = (gram.log_evidence(ridges, cosine) for gram in grams)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert grams[0].mean == pytest.approx(grams[1].mean)
    assert grams[0].norm == pytest.approx(grams[1].norm)


def test_classes_that_are_left_out_take_their_share():
    labels = np.arange(90) % 3
    whole, basis, rows = both(
        (clouds(labels), labels), (clouds(labels, 1), labels)
    )
    left = rows.without([1]).only(np.array([0, 2]))
    expected = whole.without([1]).only(np.array([0, 2]))
    found = left.matrix()
    assert found.counts.tolist() == [60, 60]
    np.testing.assert_allclose(
        basis @ found.scatter @ basis.T, expected.scatter, atol=1e-9
    )


def test_many_rows_are_an_eigendecomposition(monkeypatch):
    monkeypatch.undo()
    labels = np.arange(90) % 3
    new = clouds(labels, 1), labels
    whole, basis, rows = both((clouds(labels), labels), new)
    assert rows.lag > 1
    assert_same_head(whole, basis, rows, new)


def test_rows_are_never_many_more_than_features():
    labels = np.arange(60) % 3
    rows, whole = RowStatistics(), FeatureStatistics()
    for seed in range(4):
        features = clouds(labels, seed)
        rows = rows.updated(features, labels)
        whole = whole.updated(features, labels)
    assert len(rows.scatter) <= 2 * WIDTH
    found = rows.matrix()
    np.testing.assert_allclose(found.means, whole.means)
    np.testing.assert_allclose(found.scatter, whole.scatter, atol=1e-9)


def test_mixed_rows_are_of_no_single_sample():
    labels = np.zeros(8, int)
    features = clouds(labels)
    rows = RowStatistics.of(features, labels)
    mixed = rows.mixed()
    np.testing.assert_allclose(
        mixed.matrix().scatter, rows.matrix().scatter, atol=1e-10
    )
    own = rows.scatter / np.linalg.norm(rows.scatter, axis=1, keepdims=True)
    other = mixed.scatter / np.linalg.norm(mixed.scatter, axis=1, keepdims=True)
    assert np.abs(own[1:] @ other.T).max() < 0.99
    assert not len(RowStatistics().mixed().matrix())


def test_turned_columns_score_features_as_those_along_the_basis():
    labels = np.arange(40) % 3
    x = clouds(labels)
    basis, rows = turned(FeatureStatistics.of(x, labels))
    along, _ = solve_columns(rows, x @ basis, labels)
    columns = TurnedColumns(basis, along)
    scores = columns.scores(x)
    np.testing.assert_allclose(scores, along.scores(x @ basis), atol=1e-4)
    assert columns.kernel is columns.kernel
    assert (columns.kernel.dtype, columns.bias.dtype) == ("float32", "float32")
