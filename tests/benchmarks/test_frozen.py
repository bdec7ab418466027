import numpy as np
import pytest
from benchmarks import frozen
from benchmarks import frozen_sets as sets
from toy_features import clouds


def test_a_split_has_the_share_of_each_class():
    data = sets.split(*clouds(4, 40), share=0.75, seed=1)
    assert np.bincount(data.y).tolist() == [30] * 4
    assert np.bincount(data.y_test).tolist() == [10] * 4
    both = np.concatenate([data.x, data.x_test])
    np.testing.assert_array_equal(
        np.sort(both, axis=0), np.sort(clouds(4, 40)[0], axis=0)
    )


def test_half_of_the_classes_are_rare_to_learn_from():
    data = sets.split(*clouds(5, 40), share=0.75, seed=1)
    few = sets.rare(data, 10)
    assert np.bincount(few.y).tolist() == [3, 3, 30, 30, 30]
    assert few.x_test is data.x_test
    np.testing.assert_array_equal(few.x[few.y == 2], data.x[data.y == 2])
    assert np.bincount(sets.rare(data, 1000).y).min() == 1
    np.testing.assert_array_equal(sets.rare(data, 1).x, data.x)


def test_two_classes_come_twice_and_more_come_two_at_a_time():
    data = sets.split(*clouds(5, 40), share=0.5, seed=0)
    shown = [np.unique(data.y[rows]).tolist() for rows in frozen.phases(data)]
    assert shown == [[0, 1], [2, 3], [4]]
    data = sets.split(*clouds(2, 40), share=0.5, seed=0)
    assert [len(rows) for rows in frozen.phases(data)] == [20, 20]


@pytest.mark.parametrize("num_classes", [2, 4])
def test_the_table_has_a_row_for_each_split_and_their_mean(
    num_classes, monkeypatch, capsys
):
    monkeypatch.setattr(
        sets, "features_of", lambda *names: (*clouds(num_classes, 400), 0.5)
    )
    monkeypatch.setattr(sets, "EPOCHS", 60)
    columns = ["logistic", "ridge", "statistics", "exemplars"]
    frozen.main(["--splits", "2", "--columns", *columns])
    header, _, *rows = capsys.readouterr().out.splitlines()
    assert header == "| accuracy in % | " + " | ".join(columns) + " |"
    assert [row.split(" | ")[0] for row in rows] == [
        "| digits 0",
        "| digits 1",
        "| digits, mean",
    ]
    values = [float(cell) for cell in rows[-1].strip(" |").split(" | ")[1:]]
    assert min(values) > 90
    assert abs(values[1] - values[2]) < 3


def test_unlabeled_pictures_come_with_the_classes_that_arrive(monkeypatch):
    # What unlabeled samples are is told by a head that was trained.
    monkeypatch.setattr(sets, "EPOCHS", 300)
    data = sets.split(*clouds(4, 80), share=0.5, seed=0)
    assert frozen.LEARNERS["unlabeled"](data) > 80
    assert np.isnan(frozen.beside_unlabeled(sets.split(*clouds(2, 40), 0.5, 0)))
