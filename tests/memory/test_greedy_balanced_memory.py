"""What GDumb asks of a memory, with random choice in phases."""

import numpy as np
import pytest

from keras_incremental.callbacks.exemplar_memory import ExemplarMemory

BUDGET = 11


def phases():
    """Phases of classes in an odd order, with few samples of some."""
    rng = np.random.default_rng(0)
    for number, labels in enumerate([(4, 1), (0,), (7, 2, 3), (9,)]):
        y = np.repeat(labels, [3 if c == 2 else 20 for c in labels])
        x = rng.permutation(len(y)).astype("float32")[:, None]
        yield x + 100 * number, rng.permutation(y)


def lists(memory):
    x, y = memory.arrays()
    return {label: x[y == label].ravel().tolist() for label in memory.classes}


@pytest.mark.parametrize("selection", ["random", "herding"])
def test_memory_budget_never_exceeded_and_old_lists_are_prefixes(selection):
    memory, before = ExemplarMemory(BUDGET, selection=selection), {}
    for x, y in phases():
        memory.update(x, y, features=x)
        assert len(memory) <= BUDGET
        now = lists(memory)
        for label, was in before.items():
            assert now[label] == was[: len(now[label])]
        before = now


def test_classes_with_enough_samples_differ_by_at_most_one():
    memory = ExemplarMemory(BUDGET, selection="random")
    for x, y in phases():
        memory.update(x, y)
        counts = [n for c, n in memory.counts.items() if c != 2]
        quota = BUDGET // len(memory.classes)
        assert set(counts) <= {quota, quota + 1}
    assert memory.counts == {1: 2, 4: 2, 0: 2, 2: 2, 3: 1, 7: 1, 9: 1}


def test_random_choice_of_a_class_does_not_depend_on_the_order_of_classes():
    x, y = np.arange(40.0)[:, None], np.repeat([0, 1], 20)
    together = ExemplarMemory(8, True, selection="random")
    together.update(x, y)
    apart = ExemplarMemory(8, True, selection="random")
    for label in (1, 0):
        apart.update(x[y == label], y[y == label])
    assert lists(together) == lists(apart)
