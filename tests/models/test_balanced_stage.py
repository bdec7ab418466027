import numpy as np
import pytest

from keras_incremental.recipes.balanced_stage import BalancedStage
from keras_incremental.recipes.balanced_stage import balanced_rows


def test_each_class_gives_as_many_rows_as_the_smallest():
    labels = np.array([0] * 3 + [1] * 7 + [4] * 5)
    features = np.random.default_rng(0).normal(size=(15, 2))
    rows = balanced_rows(features, labels)
    assert np.bincount(labels[rows]).tolist() == [3, 3, 0, 0, 3]
    assert len(set(rows.tolist())) == 9


def test_the_rows_of_a_large_class_are_nearest_to_its_mean():
    features = np.array([[0.0, 1], [1, 0], [1, 0.1], [1, -0.1], [-1, 0]])
    rows = balanced_rows(features, np.array([0, 1, 1, 1, 1]))
    assert rows[0] == 0
    assert rows[1] in (1, 2, 3)


def test_maps_are_compared_as_flat_rows():
    features = np.random.default_rng(0).normal(size=(6, 2, 2, 1))
    labels = np.array([0, 0, 0, 0, 1, 1])
    rows = balanced_rows(features, labels)
    flat = balanced_rows(features.reshape(6, 4), labels)
    np.testing.assert_array_equal(rows, flat)


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"rate": 0.0}, {"rate": np.nan}, {"scope": "x"}]
)
def test_wrong_numbers_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"`{name}`.*of BalancedStage|{name}="):
        BalancedStage(**wrong)


def test_features_alone_cannot_be_distilled():
    with pytest.raises(ValueError, match='scope="all"'):
        BalancedStage(distils=True)


def test_its_config_makes_it_again():
    stage = BalancedStage(3, 0.5, "all", True)
    assert BalancedStage.from_config(stage.get_config()) == stage
