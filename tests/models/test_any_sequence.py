"""What holds after any sequence of calls, with files anywhere between.

`SEQUENCES=500 STEPS=15 python -m pytest tests/models/test_any_sequence.py`
tries more, and `SHRINK=1` shrinks what fails, which takes minutes.
"""

import os

import pytest
from hypothesis import HealthCheck
from hypothesis import Phase
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from life import KINDS
from life import Life

SEQUENCES = int(os.environ.get("SEQUENCES", 2))
STEPS = int(os.environ.get("STEPS", 6))

CALLS = (
    "learn",
    "learn",
    "observe",
    "checkpoint",
    "remember",
    "rename",
    "merge",
    "remove",
    "forget",
    "forget_all",
    "rollback",
    "calibrate",
    "fail",
    "reload",
)
steps = st.tuples(st.sampled_from(CALLS), st.integers(0, 5), st.integers(0, 2))


@pytest.mark.filterwarnings("ignore:The outputs of the classes")
@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=SEQUENCES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=list(Phase) if "SHRINK" in os.environ else [Phase.generate],
)
@given(st.lists(steps, min_size=STEPS, max_size=STEPS))
def test_any_sequence_of_calls_keeps_all_promises(kind, calls):
    life = Life(kind)
    for call in calls:
        life.step(*call)
