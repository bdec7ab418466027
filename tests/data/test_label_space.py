import json

import numpy as np
import pytest

from keras_incremental.data import LabelSpace
from keras_incremental.losses import tables

VEHICLES = LabelSpace(("car", "truck"))


def test_labels_mean_their_class_until_something_splits_off():
    grown = VEHICLES.grown(["bus"])
    np.testing.assert_array_equal(grown.table(0), tables.identity(2, 3))
    np.testing.assert_array_equal(grown.table(), tables.identity(3))
    assert grown.parents == (-1, -1, -1)


def test_an_old_label_may_be_the_class_that_came_out_of_it():
    grown = VEHICLES.grown(["police car", "bus"], [0, -1])
    assert grown.table(0).astype(int).tolist() == [[1, 0, 1, 0], [0, 1, 0, 0]]
    assert grown.table(1).astype(int).tolist() == np.eye(4).tolist()
    assert grown.parents == (-1, -1, 0, -1)


def test_tables_of_several_versions_compose():
    first = VEHICLES.grown(["police car"], [0])
    second = first.grown(["old police car", "taxi"], [2, 0])
    step = np.zeros((3, 5), bool)
    step[[0, 0, 1, 2, 2], [0, 4, 1, 2, 3]] = True
    np.testing.assert_array_equal(
        second.table(0), tables.compose(first.table(0), step)
    )
    assert np.flatnonzero(second.table(0)[0]).tolist() == [0, 2, 3, 4]
    assert np.flatnonzero(second.table(1)[0]).tolist() == [0, 4]


def test_two_equal_steps_are_two_versions():
    grown = LabelSpace(("a",)).grown(["b"], [0]).grown(["c"], [0])
    assert grown.version == 2
    assert grown.table(0).tolist() == [[True, True, True]]
    assert grown.table(1).astype(int).tolist() == [[1, 0, 1], [0, 1, 0]]


def test_since_arrival_every_class_has_its_own_version():
    grown = LabelSpace(("a",)).grown(["b"], [0]).grown(["c"], [1])
    assert grown.table_since_arrival().astype(int).tolist() == [
        [1, 1, 1],
        [0, 1, 1],
        [0, 0, 1],
    ]


def test_it_survives_json():
    grown = VEHICLES.grown(["police car"], [0]).grown(["bus"])
    config = json.loads(json.dumps(grown.get_config()))
    assert LabelSpace.from_config(config) == grown


def test_files_with_a_set_for_each_class_are_read():
    grown = VEHICLES.grown(["police car"], [0]).grown(["bus"])
    config = json.loads(json.dumps(grown.get_config()))
    del config["growths"]
    config["steps"] = [[[0, 2], [1]], [[0], [1], [2]]]
    assert LabelSpace.from_config(config) == grown


def test_what_is_kept_of_growths_does_not_grow_with_the_classes():
    space = LabelSpace(("0",))
    for k in range(1, 300):
        space = space.grown([str(k)])
    assert len(json.dumps(space.get_config()["growths"])) < 300 * 12
    assert space.is_plain and space.classes_at(7) == tuple("01234567")


def test_a_version_of_the_future_is_refused():
    with pytest.raises(ValueError, match="versions 0 to 0"):
        VEHICLES.table(1)


def test_a_class_that_answers_is_seen_by_its_samples_or_those_merged_into_it():
    space = LabelSpace(tuple("abcde"), merged=((1, 0), (2, 3)), removed=(4,))
    assert space.unseen([0, 0, 0, 0, 0]).tolist() == [0, 3]
    assert space.unseen([0, 2, 0]).tolist() == [3]
    assert space.unseen([1, 0, 1, 0, 0, 7]).tolist() == []
