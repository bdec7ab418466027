import numpy as np
import pytest

from keras_incremental.memory.stream_policies import POLICIES
from keras_incremental.memory.stream_policies import Slots


def kept(policy, labels, budget, generator):
    """Numbers of the samples of a stream that are kept at its end."""
    slots, held = Slots(budget, [], {}, (), generator), {}
    for number, label in enumerate(labels):
        slot = slots.see(label, POLICIES[policy])
        assert slot is None or 0 <= slot <= len(held)
        if slot is not None:
            held[slot] = number
    assert len(slots) == len(held) <= budget
    return list(held.values())


def kept_often(policy, labels, budget, runs):
    generator = np.random.default_rng(0)
    held = [kept(policy, labels, budget, generator) for _ in range(runs)]
    return np.bincount(np.ravel(held), minlength=len(labels))


def chi_square(observed, chance, runs):
    """Of inclusions, `chance` each, that have a fixed sum in every run."""
    size = len(observed)
    squares = np.square(observed - runs * chance) / (runs * chance)
    return squares.sum() / (1 - chance) * (size - 1) / size


def test_reservoir_of_one_keeps_the_first_of_two_half_the_time():
    first, second = kept_often("uniform", [0, 0], 1, 4000)
    assert first + second == 4000
    # Within three standard deviations of 2000, of 31.6 each.
    assert abs(first - 2000) < 95


def test_reservoir_is_uniform():
    observed = kept_often("uniform", [0] * 10, 3, 10_000)
    # The 0.999 quantile of chi square with 9 degrees of freedom.
    assert chi_square(observed, 0.3, 10_000) < 27.9


def test_reservoir_holds_classes_as_often_as_they_come():
    labels = [0] * 6 + [1] * 2
    observed = kept_often("uniform", labels, 4, 4000)
    np.testing.assert_allclose(observed, 2000, atol=130)


LABELS = np.repeat([0, 1, 2, 3], [200, 60, 30, 10])
ORDERS = {
    "one after the other": LABELS,
    "mixed": np.random.default_rng(1).permutation(LABELS),
}


def counts_of(policy, labels):
    held = kept(policy, labels.tolist(), 22, np.random.default_rng(0))
    return sorted(np.bincount(labels[held]).tolist())


@pytest.mark.parametrize("order", ORDERS)
def test_balanced_counts_differ_by_at_most_one(order):
    assert counts_of("balanced", ORDERS[order]) == [5, 5, 6, 6]


@pytest.mark.parametrize("order", ORDERS)
def test_greedy_counts_reach_the_quota(order):
    # 22 // 4, and the rest stays with the classes that had more.
    counts = counts_of("greedy", ORDERS[order])
    assert counts[:2] == [5, 5] and sum(counts) == 22 and counts[3] <= 7


def test_a_balanced_reservoir_keeps_all_of_a_small_class():
    labels = [0] * 50 + [1, 1] + [0] * 50
    held = kept("balanced", labels, 10, np.random.default_rng(0))
    assert {50, 51} <= set(held) and len(held) == 10


def test_a_balanced_reservoir_is_uniform_within_a_class():
    observed = kept_often("balanced", [0, 1] * 8, 4, 2000)
    for label in (0, 1):
        own = observed[label::2]
        # The 0.999 quantile of chi square with 7 degrees of freedom.
        assert own.sum() == 4000
        assert chi_square(own, 0.25, 2000) < 24.3


def test_a_class_stays_full_when_it_has_become_small():
    slots = Slots(1, [], {}, (), np.random.default_rng(0))
    for label in (0, 1, 0):
        slots.see(label, POLICIES["balanced"])
    # Class 0 was the largest, lost its slot, and does not take it back.
    assert slots.counts == {0: 0, 1: 1} and slots.full == {0, 1}


def test_a_greedy_memory_keeps_the_first_of_a_class():
    generator = np.random.default_rng(0)
    assert kept("greedy", [0] * 50, 5, generator) == [0, 1, 2, 3, 4]
    held = kept("greedy", [0] * 50 + [1] * 50, 6, generator)
    assert sorted(held)[3:] == [50, 51, 52] and max(sorted(held)[:3]) < 6


def test_a_greedy_memory_with_more_classes_than_slots_takes_the_newest():
    held = kept("greedy", range(9), 3, np.random.default_rng(0))
    assert len(held) == 3 and 8 in held
