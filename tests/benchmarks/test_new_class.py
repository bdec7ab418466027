import keras
import numpy as np
import pytest
from benchmarks import frozen_sets as sets
from benchmarks import new_class
from toy_features import clouds


def test_old_and_new_classes_weigh_the_same_in_the_mean():
    data = sets.Split(None, np.array([0, 1, 2]), None, np.array([0, 1, 1, 2]))
    scores = np.eye(3)[[0, 1, 2, 2]]
    old, new, mean = new_class.accuracies(scores, data)
    np.testing.assert_allclose([old, new, mean], [200 / 3, 100, 250 / 3])


def nearest(x, y):
    """A head whose columns point at the means, as if it were trained."""
    means = np.stack([x[y == k].mean(0) for k in range(y.max() + 1)])
    head = keras.layers.Dense(len(means))
    model = keras.Sequential([keras.Input(x.shape[1:]), head])
    head.set_weights([means.T, -np.sum(means**2, 1) / 2])
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(True))
    return model


def test_the_column_of_the_oracle_leaves_the_old_logits():
    features, labels = clouds(3, count=500)
    data = sets.split(features, labels, share=0.5, seed=0)
    head = keras.layers.Dense(2, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((6,)), head])
    found = new_class.oracle(model, data)
    assert not found[:, :2].any()
    new = found.argmax(-1) == 2
    assert np.mean(new == (data.y_test == 2)) > 0.95


def test_two_classes_get_a_third(monkeypatch):
    monkeypatch.setattr(
        sets, "extracted", lambda name, x: np.zeros((len(x), 6), "float32")
    )
    features, labels = clouds(2)
    x, y, share = new_class.of_three("cats_vs_dogs", features, labels, 0.5)
    assert np.bincount(y).tolist() == [60, 60, 178]
    assert not x[y == 2].any()
    np.testing.assert_array_equal(x[:120], features)
    assert new_class.of_three("digits", *clouds(3), 0.5)[0].shape == (180, 6)


def test_the_table_has_four_ways(monkeypatch, capsys):
    monkeypatch.setattr(sets, "trained", nearest)
    monkeypatch.setattr(new_class, "ORACLE_EPOCHS", 1)
    new_class.print_table({"digits": (*clouds(3), 0.5)}, num_splits=1)
    header, _, row, mean = capsys.readouterr().out.strip().splitlines()
    assert header.count("|") == row.count("|") == 12
    assert row.split("|")[2:] == mean.split("|")[2:]
    before, *ways = map(float, row.strip(" |").split(" | ")[1:])
    nothing, unlabeled = ways[3:6], ways[6:]
    assert min(before, *nothing, *unlabeled) > 80
    assert nothing[2] == pytest.approx(np.mean(nothing[:2]), abs=0.01)
