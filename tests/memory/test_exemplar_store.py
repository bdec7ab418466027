import numpy as np
import pytest
from store_data import content
from store_data import filled
from store_data import first
from store_data import last
from store_data import samples

from keras_incremental.memory import ExemplarStore


def test_the_rest_of_the_budget_goes_to_the_first_classes():
    store = filled(10, (20, 20, 20))
    assert store.counts == {0: 4, 1: 3, 2: 3}
    assert len(store) == 10


def test_a_budget_per_class_grows_with_the_classes():
    store = filled(3, (20, 20), per_class=True)
    assert store.counts == {0: 3, 1: 3}


def test_a_class_may_have_less_than_its_quota():
    assert filled(10, (2, 20)).counts == {0: 2, 1: 5}


def test_classes_keep_their_order_of_arrival():
    store = ExemplarStore(4)
    store.insert(*samples(7, 5), first)
    store.insert(*samples(2, 5), first)
    assert store.classes == [7, 2]
    assert store.arrays()[1].tolist() == [7, 7, 2, 2]


@pytest.mark.parametrize("per_class", [False, True])
def test_the_budget_is_kept_and_old_lists_are_prefixes(per_class):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        store = ExemplarStore(int(rng.integers(12, 40)), per_class)
        before = {}
        for label in range(10):
            size = int(rng.integers(1, 30))
            store.insert(*samples(label, size), last)
            bound = store.budget * (label + 1 if per_class else 1)
            assert len(store) <= bound
            x, y = store.arrays()
            for old, rows in before.items():
                kept = x[y == old].tolist()
                assert 0 < len(kept) and kept == rows[: len(kept)]
            before = {c: x[y == c].tolist() for c in store.classes}


def test_a_class_that_comes_again_is_selected_from_the_union():
    store = ExemplarStore(4)
    store.insert(*samples(0, 3), first)
    seen = []

    def select(label, stored, rows, count):
        seen.append((stored[:, 1, 1].tolist(), rows.tolist(), count))
        return np.array([4, 0])

    store.insert(*samples(0, 2, start=50), select)
    assert seen == [([0, 1, 2], [0, 1], 4)]
    assert store.arrays()[0][:, 1, 1].tolist() == [51, 0]
    assert store.ids.tolist() == [4, 0]
    assert store.phases.tolist() == [1, 0]


def test_exemplars_carry_phase_identity_and_label_version():
    store = ExemplarStore(4)
    store.insert(*samples(0, 4), first)
    store.insert(*samples(1, 4), first, label_version=3)
    assert store.phases.tolist() == [0, 0, 1, 1]
    assert store.label_versions.tolist() == [0, 0, 3, 3]
    assert store.ids.tolist() == [0, 1, 4, 5]


def test_identities_are_never_used_twice():
    store = filled(4, (4,))
    assert store.forget([0, 3]) == 2
    store.insert(*samples(1, 2), first)
    assert store.ids.tolist() == [1, 2, 4, 5]


def test_forgotten_exemplars_are_gone():
    store = filled(6, (3, 3))
    assert store.forget([1, 4, 99]) == 2
    assert store.arrays()[0][:, 1, 1].tolist() == [0, 2, 0, 2]
    assert store.counts == {0: 2, 1: 2}
    assert store.forget(store.ids) == 4
    assert store.counts == {}
    store.insert(np.eye(2, 5, dtype="float32"), np.array([1, 1]), first)
    assert store.arrays()[0].shape == (2, 5)


def test_a_snapshot_is_restored_exactly():
    store = filled(8, (6, 6))
    before, snapshot = content(store), store.snapshot()
    store.insert(*samples(2, 6), last)
    store.forget([0])
    assert content(store) != before
    store.restore(snapshot)
    assert content(store) == before


def test_what_arrays_returns_can_be_changed_freely():
    store = filled(4, (4,))
    before = content(store)
    x, y = store.arrays()
    x[:], y[:] = 9, 9
    store.ids[:] = 9
    assert content(store) == before


def test_float_pictures_are_stored_as_bytes_and_come_back():
    store = ExemplarStore(4)
    x, y = samples(0, 4)
    store.insert(x.astype("float32"), y, first)
    assert store.nbytes == 4 * 4 + 4 * 4 * 8
    assert store.arrays()[0].dtype == np.float32
    np.testing.assert_array_equal(store.arrays()[0], x)


def test_pictures_that_need_floats_keep_their_values():
    store = filled(4, (4,))
    half = np.full((3, 2, 2), 0.5, "float32")
    half[:, 0, 0] += np.arange(3)
    store.insert(half, np.full(3, 1), first)
    x, y = store.arrays()
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x[y == 1], half[:2])
    np.testing.assert_array_equal(x[y == 0], samples(0, 2)[0])


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"budget": 0}, ValueError, "budget=0"),
        ({"budget": -5}, ValueError, "budget=-5"),
        ({"budget": 2.5}, ValueError, "budget=2.5"),
        ({"budget": "all"}, ValueError, "budget='all'"),
        ({"per_class": 20}, TypeError, "Pass budget=20, per_class=True"),
    ],
)
def test_a_useless_budget_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        ExemplarStore(**options)


@pytest.mark.parametrize(
    "act, error, message",
    [
        (
            lambda s: s.insert(np.zeros((2, 3)), np.array([2, 2]), first),
            ValueError,
            r"samples of \(3,\); the memory holds \(2, 2\)",
        ),
        (
            lambda s: s.insert(
                np.full((2, 2, 2), "a"), np.array([2, 2]), first
            ),
            TypeError,
            "Strings and numbers",
        ),
        (
            lambda s: s.insert(
                np.zeros((5, 2, 2)), np.array([2, 3, 4, 5, 6]), first
            ),
            ValueError,
            "budget of 6 exemplars is too small for 7 classes",
        ),
        (
            lambda s: s.insert(*samples(2, 3), lambda *_: [0, 0]),
            ValueError,
            "1 to 2 different indices",
        ),
        (
            lambda s: s.insert(*samples(2, 3), lambda *_: [0, 1, 2]),
            ValueError,
            "1 to 2 different indices",
        ),
        (
            lambda s: s.insert(*samples(2, 3), lambda *_: [3]),
            ValueError,
            r"indices in \[0, 3\)",
        ),
        (
            lambda s: s.insert(*samples(2, 3), lambda *_: [0.5]),
            ValueError,
            "different indices",
        ),
        (
            lambda s: s.insert(*samples(2, 3), lambda *_: []),
            ValueError,
            "different indices",
        ),
        (lambda s: s.forget(["a"]), TypeError, "`ids` must be integers"),
        (lambda s: s.restore({}), TypeError, "what `snapshot` returned"),
    ],
)
def test_what_fails_leaves_the_memory_as_it_was(act, error, message):
    store = filled(6, (6, 6))
    before = content(store)
    with pytest.raises(error, match=message):
        act(store)
    assert content(store) == before


def test_an_empty_memory_has_no_arrays():
    with pytest.raises(ValueError, match="The memory is empty"):
        ExemplarStore(3).arrays()
