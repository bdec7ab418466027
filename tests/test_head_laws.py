import inspect

import pytest

from keras_incremental import layers
from keras_incremental.testing import head_checks

# Laws that a head which is solved, not trained, cannot meet.
OF_TRAINING = (
    head_checks.check_trains_after_expand,
    head_checks.check_save_load_after_expand,
    head_checks.check_frozen_groups_do_not_move,
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


def test_every_law_is_on_the_list():
    laws = {
        law
        for name, law in inspect.getmembers(head_checks, inspect.isfunction)
        if name.startswith("check_")
    }
    assert laws == set(head_checks.HEAD_CHECKS)


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
