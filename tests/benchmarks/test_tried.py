import numpy as np
import pytest
from benchmarks import frozen_sets as sets
from benchmarks import tried
from toy_features import clouds


def test_the_log_density_is_that_of_half_the_covariance():
    random = np.random.default_rng(0)
    steps, rows = random.normal(size=(5, 4)), random.normal(size=(3, 4))
    covariance = (np.eye(4) + rows.T @ rows / 3) / 2
    inverse = np.linalg.inv(covariance)
    expected = -0.5 * np.einsum("ni,ij,nj->n", steps, inverse, steps)
    expected -= np.linalg.slogdet(covariance)[1] / 2
    found = tried.log_density(steps, rows)
    np.testing.assert_allclose(np.diff(found), np.diff(expected))
    wider = tried.log_density(steps, 2 * rows) - found
    covariance = (np.eye(4) + 4 * rows.T @ rows / 3) / 2
    inverse = np.linalg.inv(covariance)
    other = -0.5 * np.einsum("ni,ij,nj->n", steps, inverse, steps)
    other -= np.linalg.slogdet(covariance)[1] / 2
    np.testing.assert_allclose(wider, other - expected)


def test_differences_have_their_standard_error():
    found = tried.row([[90.0, 1.0], [92.0, 3.0], [91.0, 2.0]])
    assert found == ["91.00", "+2.00 ± 0.58"]


def test_the_table_has_a_row_for_each_number_of_pictures(monkeypatch, capsys):
    monkeypatch.setattr(sets, "features_of", lambda *args: (*clouds(3), 0.5))
    monkeypatch.setattr(tried, "COUNTS", (5, 20))
    tried.main(["--splits", "2"])
    _, _, *rows = capsys.readouterr().out.splitlines()
    assert [row.split(" | ")[0] for row in rows] == [
        "| digits, 5 a class",
        "| digits, 20 a class",
    ]
    for row in rows:
        solved, *others = row.strip("| ").split(" | ")[1:]
        assert float(solved) > 85
        assert len(others) == len(tried.COLUMNS) - 1
        points = [float(cell.split()[0]) for cell in others]
        assert points == pytest.approx([0] * len(points), abs=15)
