import dataclasses

import numpy as np
import pytest

from keras_incremental.problems import PartialLabels
from keras_incremental.problems.partial_labels import ResolvedLabels

KNOWN = ("car", "truck")
COMPLETE, PARTIAL = np.array([2, 2]), np.array([2, -1])


def resolve(labels=PARTIAL, new=("police car",), exclusive=True, **declared):
    declared = PartialLabels(**declared)
    return declared.resolve(labels, new, KNOWN, exclusive)


def test_nothing_is_open_where_nothing_was_declared():
    found = resolve(COMPLETE)
    assert found == ResolvedLabels(None, (-1,), (None,), (False,))
    assert found.is_plain and not found.splits


def test_names_become_indices_in_the_order_of_the_new_classes():
    found = resolve(
        new=("police car", "bus"),
        unlabeled="not_new",
        parents={"bus": None, "police car": "car"},
        shares={"police car": 0.2},
    )
    assert found.parents == (0, -1)
    assert found.shares == (0.2, None)
    assert found.absent == (False, True)
    assert found.meaning == "not_new" and found.splits


def test_declarations_do_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PartialLabels().unlabeled = "unknown"


@pytest.mark.parametrize(
    "declared, error, parts",
    [
        ({"unlabeled": "novel"}, ValueError, "`unlabeled`.*'not_new'"),
        ({"parents": "car"}, TypeError, "`parents` must be a dict"),
        ({"shares": 0.2}, TypeError, "`shares` must be a dict"),
    ],
)
def test_what_cannot_be_is_refused_at_once(declared, error, parts):
    with pytest.raises(error, match=parts):
        PartialLabels(**declared)


@pytest.mark.parametrize(
    "declared, parts",
    [
        ({"unlabeled": "background"}, "`unlabeled=.background.` needs a class"),
        ({"unlabeled": "unknown"}, "`parents` without .*parents={.*: None}"),
        ({"parents": {"bus": None}}, "`parents`.*no new classes"),
        ({"parents": {"police car": "boat"}}, "`parents` must name old"),
        ({"shares": {"bus": 0.2}}, "`shares`.*no new classes"),
        (
            {"parents": {"police car": "car"}, "shares": {"police car": 1}},
            "`shares` must be floats",
        ),
        (
            {"parents": {"police car": None}, "shares": {"police car": 0.1}},
            "`parents` names none",
        ),
    ],
)
def test_what_does_not_fit_the_data_is_refused(declared, parts):
    with pytest.raises(ValueError, match=parts):
        resolve(**declared)


def test_a_class_called_background_is_found():
    declared = PartialLabels("background", parents={"bus": "background"})
    known = ("background", "car")
    found = declared.resolve(PARTIAL, ("bus",), known)
    assert found.parents == (0,)


def test_a_share_needs_no_parent_where_several_classes_may_apply():
    rows = np.array([[-1.0, 1.0]])
    found = resolve(rows, exclusive=False, shares={"police car": 0.1})
    assert found.parents == (-1,) and found.shares == (0.1,)
