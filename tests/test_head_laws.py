import inspect

import pytest

from keras_incremental import layers
from keras_incremental.testing import head_checks
from keras_incremental.testing import split_checks

# Laws that a head which is solved, not trained, cannot meet.
OF_TRAINING = (
    head_checks.check_trains_after_expand,
    head_checks.check_save_load_after_expand,
    head_checks.check_frozen_groups_do_not_move,
    head_checks.check_its_rule_gives_what_a_loop_gives,
)

HEADS = [
    head
    for _, head in inspect.getmembers(layers, inspect.isclass)
    if issubclass(head, layers.ExpandableHead)
    and head not in (layers.ExpandableHead, layers.ClosedFormHead)
]

PAIRS = [
    pytest.param(head, check, id=f"{head.__name__}-{check.__name__}")
    for head in HEADS
    for check in head_checks.HEAD_CHECKS
    if not (issubclass(head, layers.ClosedFormHead) and check in OF_TRAINING)
]


@pytest.mark.parametrize(("head", "check"), PAIRS)
def test_every_head_obeys(head, check):
    check(head)


@pytest.mark.parametrize("head", HEADS)
def test_a_head_splits_by_the_laws_or_refuses(head):
    if not head.can_split:
        split_checks.check_refuses_splits(head)
        return
    for check in split_checks.SPLIT_CHECKS:
        check(head)


def laws_of(module):
    return {
        law
        for name, law in inspect.getmembers(module, inspect.isfunction)
        if name.startswith("check_")
    }


def test_every_law_is_on_the_list():
    assert laws_of(head_checks) == set(head_checks.HEAD_CHECKS)
    refusal = {split_checks.check_refuses_splits}
    assert laws_of(split_checks) == {*split_checks.SPLIT_CHECKS, *refusal}


def test_a_head_that_splits_flatly_breaks_the_law():
    class Flat(layers.ExpandableDense):
        has_splits = False

    with pytest.raises(AssertionError):
        split_checks.check_merged_head_is_the_old_one(Flat)


def test_a_head_that_forgets_its_old_logits_breaks_the_law():
    class Forgetful(layers.ExpandableDense):
        def call(self, inputs):
            return super().call(inputs) * self.units

    with pytest.raises(AssertionError):
        head_checks.check_expand_keeps_old_logits(Forgetful)


def test_a_head_that_is_not_registered_breaks_the_law():
    class Homeless(layers.ExpandableDense):
        def get_config(self):
            return {}

    with pytest.raises((TypeError, AssertionError)):
        head_checks.check_config_round_trip(Homeless)
