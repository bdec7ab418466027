import numpy as np
import pytest

from keras_incremental.memory import selection
from keras_incremental.utils import large_arrays

POINTS = np.array([[1, 0], [0, 1], [-1, 0], [0, -1], [0.6, 0.8]])


def slow_herding(features, count):
    units = [f / np.linalg.norm(f) for f in features]
    mean, picks = np.mean(units, axis=0), []
    for k in range(1, count + 1):
        errors = {
            i: np.sum((mean - sum(units[j] for j in [*picks, i]) / k) ** 2)
            for i in range(len(units))
            if i not in picks
        }
        picks.append(min(errors, key=lambda i: round(errors[i], 12)))
    return picks


def test_herding_of_the_known_set():
    assert selection.herding(POINTS, 5).tolist() == [4, 3, 1, 2, 0]


def test_herding_equals_the_slow_definition():
    features = np.random.default_rng(0).normal(1, 1, (40, 5))
    picks = selection.herding(features, 12)
    assert picks.tolist() == slow_herding(features, 12)


def test_fewer_picks_are_a_prefix():
    features = np.random.default_rng(1).normal(size=(30, 4))
    for name in ("herding", "random"):
        select = selection.get(name)
        full = select(features, 30, 3)
        np.testing.assert_array_equal(select(features, 7, 3), full[:7])


def test_all_picks_are_a_permutation():
    features = np.random.default_rng(2).normal(size=(25, 3))
    for name in ("herding", "random"):
        picks = selection.get(name)(features, 99, 0)
        assert sorted(picks.tolist()) == list(range(25))


def test_herding_keeps_the_order_of_identical_samples():
    picks = selection.herding(np.tile([[0.1, 0.2, 0.3]], (6, 1)), 6)
    assert picks.tolist() == [0, 1, 2, 3, 4, 5]


def test_herding_ignores_the_length_of_features():
    scale = np.array([[3.0], [0.1], [7.0], [1.0], [100.0]])
    assert selection.herding(POINTS * scale, 5).tolist() == [4, 3, 1, 2, 0]


def test_herding_accepts_features_that_are_zero():
    picks = selection.herding(np.array([[0.0, 0.0], [1.0, 0.0]]), 2)
    assert sorted(picks.tolist()) == [0, 1]


def test_herding_follows_the_mean_better_than_chance():
    def error(features, picks):
        units = features / np.linalg.norm(features, axis=1, keepdims=True)
        return np.linalg.norm(units.mean(0) - units[picks].mean(0))

    herded, drawn = [], []
    for seed in range(20):
        features = np.random.default_rng(seed).normal(0.5, 1, (60, 6))
        herded.append(error(features, selection.herding(features, 8)))
        drawn.append(error(features, selection.random(features, 8, seed)))
    assert np.mean(herded) < np.mean(drawn) / 3


def test_random_depends_only_on_the_seed():
    features = np.zeros((50, 1))
    one = selection.random(features, 10, [7, 3])
    np.testing.assert_array_equal(one, selection.random(features, 10, [7, 3]))
    assert one.tolist() != selection.random(features, 10, [7, 4]).tolist()


@pytest.mark.parametrize(
    "features, message",
    [
        (np.zeros((0, 3)), "one row for each sample"),
        ([[1.0, 2.0], [np.nan, 1.0]], "NaN or infinity in row 1"),
        (3.0, "one row for each sample"),
    ],
)
def test_herding_refuses_useless_features(features, message):
    with pytest.raises(ValueError, match=message):
        selection.herding(features, 1)


def test_a_selection_is_found_by_name_or_is_a_function(monkeypatch):
    monkeypatch.setattr(selection, "_SELECTIONS", dict(selection._SELECTIONS))

    def first(features, count, seed):
        return np.arange(count)

    assert selection.get(first) is first
    selection.register("first", first)
    assert selection.get("first") is first


@pytest.mark.parametrize("identifier", ["best", None, 3])
def test_an_unknown_selection_is_refused(identifier):
    with pytest.raises(ValueError, match=r"'herding', 'random'\]"):
        selection.get(identifier)


def test_only_functions_are_registered():
    with pytest.raises(TypeError, match="needs a name and a function"):
        selection.register("none", None)


def test_many_samples_are_read_in_parts(monkeypatch):
    features = np.random.default_rng(3).normal(size=(40, 5)).astype("float32")
    whole = selection.herding(features, 12)
    monkeypatch.setattr(selection, "ROWS", 7)
    monkeypatch.setattr(large_arrays, "LIMIT", 500)
    np.testing.assert_array_equal(selection.herding(features, 12), whole)
    features[23, 2] = np.nan
    with pytest.raises(ValueError, match="row 23"):
        selection.herding(features, 12)
