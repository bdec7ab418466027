import numpy as np
import pytest

from keras_incremental.metrics.drop import paired_drop
from keras_incremental.models.transaction import Gate


def drop(value, count=1000):
    """A drop without gains, measured on so many samples."""
    is_right = np.arange(count) >= round(value * count)
    return paired_drop(np.ones(count, bool), is_right)


def test_an_open_gate_accepts_and_says_so():
    accepted, reason = Gate().judge(None, {})
    assert accepted
    assert "no `max_drop`" in reason


def test_refuses_a_larger_drop_with_its_uncertainty():
    accepted, reason = Gate(0.02).judge(drop(0.05), {})
    assert not accepted
    assert "lost 5.0 points, 3.8 to 6.5 with" in reason
    assert "more than the 2.0 allowed" in reason
    assert "cannot prove" not in reason


def test_says_when_few_pictures_cannot_prove_the_drop():
    _, reason = Gate(0.02).judge(drop(0.04, count=50), {})
    assert "cannot prove it" in reason


def test_says_when_few_pictures_cannot_exclude_a_drop():
    accepted, reason = Gate(0.02).judge(drop(0.0, count=30), {})
    assert accepted
    assert "cannot exclude more" in reason


def test_accepts_a_drop_at_the_limit():
    assert Gate(0.02).judge(drop(0.02), {})[0]


def test_names_the_class_that_lost_too_much():
    accepted, reason = Gate(max_class_drop=0.1).judge(
        drop(0.01), {"cat": drop(0.02), "dog": drop(0.3)}
    )
    assert not accepted
    assert "'dog' lost 30.0" in reason
    assert "cat" not in reason


@pytest.mark.parametrize("value", [-0.1, 1.5, 2, "2%"])
def test_refuses_limits_that_are_no_shares(value):
    with pytest.raises(ValueError, match="from 0 to 1.*Received: max_drop"):
        Gate(max_drop=value)


def test_a_gain_is_told_as_one():
    worse = drop(0.05)
    gain = paired_drop(np.arange(1000) >= 50, np.ones(1000, bool))
    _, reason = Gate(0.02).judge(gain, {})
    assert "the old classes gained 5.0 points, 3.8 to 6.5 with" in reason
    assert worse.in_words().replace("lost", "gained") == gain.in_words()
    assert "0 samples" in paired_drop([], []).in_words()
