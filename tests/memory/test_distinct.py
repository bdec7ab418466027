import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from store_data import first

from keras_incremental.memory import ExemplarStore
from keras_incremental.memory import Reservoir
from keras_incremental.memory.stored_samples import is_repeated
from keras_incremental.memory.stored_samples import keys_of
from keras_incremental.utils import records

X = np.array([[0, 1], [1, 0], [0, 1], [2, 2], [1, 0]], "float32")


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float16", "float64"])
def test_values_count_and_not_how_they_are_stored(dtype):
    found = is_repeated(keys_of(X[3:4].astype(dtype)), keys_of(X))
    assert found.tolist() == [False, False, True, True, True]
    half = np.array([[0.5, -0.0]])
    assert keys_of(half.astype("float16")) == keys_of(np.abs(half))


def test_large_integers_differ():
    x = np.array([[2**60], [2**60 + 1]])
    assert len(set(keys_of(x).tolist())) == 2


def test_strings_are_compared_whatever_their_room():
    stored = np.array([["bird", "cat"]])
    new = np.array([["bird", "cat"], ["a longer word", "cat"]])
    found = is_repeated(keys_of(stored), keys_of(new))
    assert found.tolist() == [True, False]


def test_records_are_compared_by_all_of_their_parts():
    one = records.of_fields("ab", [np.array([1.0, 1.0]), np.array(["x", "y"])])
    keys = keys_of(one)
    assert is_repeated(keys[:1], keys).tolist() == [True, False]


def test_an_empty_memory_has_nothing():
    keys = keys_of(X)
    assert is_repeated(keys_of(X[:0]), keys[:2]).tolist() == [False, False]
    assert is_repeated(keys, keys[:0]).tolist() == []


@pytest.mark.parametrize("kept", [ExemplarStore, Reservoir])
def test_stored_samples_are_not_read_again(kept, monkeypatch):
    memory, read = kept(8), []
    add(memory, X[:2], np.zeros(2, int))

    def watched(x):
        read.append(len(x))
        return keys_of(x)

    modules = ("exemplars", "exemplar_store", "reservoir")
    for name in modules:
        module = f"keras_incremental.memory.{name}.keys_of"
        monkeypatch.setattr(module, watched)
    add(memory, X[3:4], np.zeros(1, int))
    assert read == [1] and len(memory) == 3


MEMORIES = {
    "a budget": lambda: ExemplarStore(6),
    "a budget of each class": lambda: ExemplarStore(3, per_class=True),
    **{
        policy: lambda policy=policy: Reservoir(6, policy)
        for policy in ("uniform", "balanced", "greedy")
    },
}
CALLS = st.tuples(
    st.sampled_from(["add", "add", "add", "forget", "remove", "reload"]),
    st.integers(0, 2**20),
)


def add(memory, x, y):
    if isinstance(memory, Reservoir):
        memory.add(x, y)
    else:
        memory.insert(x, y, first)


@pytest.mark.parametrize("kind", MEMORIES)
@settings(max_examples=30, derandomize=True, database=None, deadline=None)
@given(st.lists(CALLS, min_size=8, max_size=8))
def test_any_sequence_of_calls_keeps_each_sample_once(
    kind, tmp_path_factory, calls
):
    memory = MEMORIES[kind]()
    for call, seed in calls:
        generator = np.random.default_rng(seed)
        if call == "add":
            # Of 16 samples, so that many come again.
            x = generator.integers(0, 4, (5, 2)) / 2
            add(memory, x.astype("float32"), generator.integers(0, 2, 5))
        elif call == "forget":
            memory.forget(memory.ids[::3])
        elif call == "remove":
            memory.forget_classes([seed % 2])
        else:
            path = tmp_path_factory.mktemp("memory") / "m.npz"
            memory.save(path)
            memory = MEMORIES[kind]()
            memory.load(path)
        held = memory.snapshot()
        held = getattr(held, "content", held)
        pairs = list(zip(held.y.tolist(), held.keys.tolist(), strict=True))
        assert len(set(pairs)) == len(pairs)
        assert max(memory.counts.values(), default=0) <= 6
        if len(memory):
            assert held.keys.tolist() == keys_of(memory.arrays()[0]).tolist()


@pytest.mark.parametrize("policy", ["uniform", "balanced", "greedy"])
def test_repeats_do_not_depend_on_the_batches(policy):
    generator = np.random.default_rng(0)
    x = generator.integers(0, 4, (80, 2)).astype("float32")
    y = generator.integers(0, 2, 80)
    at_once, one_by_one = Reservoir(6, policy), Reservoir(6, policy)
    at_once.add(x, y)
    for row in range(80):
        one_by_one.add(x[row : row + 1], y[row : row + 1])
    assert at_once.arrays()[0].tolist() == one_by_one.arrays()[0].tolist()
    assert at_once.seen == one_by_one.seen


def test_a_stream_that_comes_again_changes_no_reservoir():
    memory = Reservoir(10)
    for _ in range(2):
        memory.add(X, np.zeros(5, int))
    assert memory.seen == {0: 3} and len(memory) == 3


def test_repeats_in_a_file_of_before_are_left_out(tmp_path, monkeypatch):
    store = ExemplarStore(8)
    with monkeypatch.context() as patched:
        none = np.zeros(5, bool)
        patched.setattr(
            "keras_incremental.memory.exemplar_store.is_repeated",
            lambda stored, new: none[: len(new)],
        )
        store.insert(X, np.zeros(5, int), first)
    assert len(store) == 5
    store.save(tmp_path / "m.npz")
    again = ExemplarStore(8)
    again.load(tmp_path / "m.npz")
    assert len(again) == 3
