import inspect

import pytest

from keras_incremental import layers
from keras_incremental.testing import head_checks

# Classes that cannot meet a law, each with its reason.
EXCEPTIONS = {}

HEADS = [
    head
    for _, head in inspect.getmembers(layers, inspect.isclass)
    if issubclass(head, layers.ExpandableHead)
    and head is not layers.ExpandableHead
]


@pytest.mark.parametrize(
    "check", head_checks.HEAD_CHECKS, ids=lambda check: check.__name__
)
@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.__name__)
def test_every_head_obeys(head, check):
    reason = EXCEPTIONS.get((head.__name__, check.__name__))
    if reason:
        pytest.skip(reason)
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
