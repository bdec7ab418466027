import numpy as np
import pytest
from keras import ops

from keras_incremental.layers import hierarchical_argmax

CAR, TRUCK, POLICE_CAR = 0, 1, 2


def decided(probabilities, parents):
    logits = np.log(np.array(probabilities, "float32"))
    return ops.convert_to_numpy(hierarchical_argmax(logits, parents)).tolist()


def test_a_divided_class_does_not_lose_its_vote():
    probabilities = [[0.29, 0.4, 0.31], [0.31, 0.4, 0.29]]
    assert np.argmax(probabilities, -1).tolist() == [TRUCK, TRUCK]
    assert decided(probabilities, [-1, -1, CAR]) == [POLICE_CAR, CAR]


def test_a_tie_inside_stays_with_the_parent():
    assert decided([0.3, 0.4, 0.3], [-1, -1, CAR]) == CAR


def test_a_class_with_more_than_the_whole_family_wins():
    assert decided([0.2, 0.55, 0.25], [-1, -1, CAR]) == TRUCK


def test_without_splits_it_is_the_plain_argmax():
    assert decided([[0.2, 0.5, 0.3], [0.5, 0.2, 0.3]], [-1] * 3) == [1, 0]


def test_grandchildren_vote_for_their_parent_first():
    # 3 came out of 2, which came out of 0; together they beat what is left.
    parents = [-1, -1, 0, 2]
    assert decided([0.25, 0.4, 0.15, 0.2], parents) == 3
    assert decided([0.36, 0.39, 0.15, 0.1], parents) == 0


def test_siblings_stand_apart_from_each_other():
    parents = [-1, -1, 0, 0]
    assert decided([0.22, 0.34, 0.2, 0.24], parents) == 3


def test_every_position_of_a_map_is_decided():
    probabilities = np.full((2, 3, 4, 3), [0.3, 0.4, 0.3])
    assert np.shape(decided(probabilities, [-1, -1, CAR])) == (2, 3, 4)


def test_parents_of_other_classes_are_refused():
    with pytest.raises(ValueError, match="hierarchical_argmax.*3 classes"):
        decided([0.3, 0.4, 0.3], [-1, 0])
    with pytest.raises(ValueError, match="before its children"):
        decided([0.3, 0.4, 0.3], [1, -1, -1])
