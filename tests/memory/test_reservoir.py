import keras
import numpy as np
import pytest

from keras_incremental.callbacks.exemplar_memory import ExemplarMemory
from keras_incremental.memory import Reservoir

POLICIES = ["uniform", "balanced", "greedy"]


def stream(size=60, start=0, width=3):
    """Samples that tell their number; so do their logits."""
    x = np.arange(start, start + size, dtype="float32")[:, None]
    return x, np.arange(size) // 7 % 3, x * 10 + np.arange(width)


def filled(policy="uniform", budget=10, **options):
    memory = Reservoir(budget, policy, **options)
    memory.add(*stream())
    return memory


def content(memory):
    return [part.tolist() for part in (*memory.arrays(), memory.ids)]


def same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("size", [1, 7, 60])
def test_what_is_kept_does_not_depend_on_the_batches(policy, size):
    memory = Reservoir(10, policy)
    x, y, logits = stream()
    for i in range(0, 60, size):
        memory.add(*(part[i : i + size] for part in (x, y, logits)))
        assert len(memory) <= 10
    same(memory.arrays(), filled(policy).arrays())
    same(memory.stored_logits(3), filled(policy).stored_logits(3))
    assert memory.seen == {0: 21, 1: 21, 2: 18}


@pytest.mark.parametrize("policy", POLICIES)
def test_labels_and_logits_stay_with_their_samples(policy):
    memory = filled(policy)
    memory.add(*stream(30, start=100, width=4))
    x, y = memory.arrays()
    numbers = x.ravel().astype(int)
    np.testing.assert_array_equal(y, numbers % 100 // 7 % 3)
    logits = memory.stored_logits(4)
    np.testing.assert_array_equal(logits[:, :3], x * 10 + np.arange(3))
    np.testing.assert_array_equal(np.isnan(logits[:, 3]), numbers < 100)
    assert len(set(memory.ids)) == 10


def test_fewer_samples_than_the_budget_are_all_kept():
    memory = filled(budget=100)
    same(memory.arrays(), stream()[:2])
    assert memory.counts == {0: 21, 1: 21, 2: 18}


def test_draws_have_no_repeats_and_belong_together():
    memory = filled("balanced")
    x, y, logits = memory.draw(6)
    assert len(np.unique(x)) == 6 and x.dtype == "float32"
    np.testing.assert_array_equal(y, x.ravel() // 7 % 3)
    np.testing.assert_array_equal(logits, x * 10 + np.arange(3))
    assert set(x.ravel()) <= set(memory.arrays()[0].ravel())
    assert len(memory.draw(99)[0]) == 10


def test_draws_differ_and_are_repeated_by_the_seed():
    one, other = filled(seed=1), filled(seed=1)
    first = one.draw(5)
    same(first, other.draw(5))
    assert first[0].tolist() != one.draw(5)[0].tolist()


def test_every_sample_is_drawn_equally_often():
    memory = filled(budget=5)
    drawn = np.concatenate([memory.draw(2)[0] for _ in range(500)])
    _, counts = np.unique(drawn, return_counts=True)
    # 200 each, with a standard deviation of 11.
    np.testing.assert_allclose(counts, [200] * 5, atol=40)


def test_draws_do_not_change_what_is_kept():
    one, other = filled(), filled()
    one.draw(3)
    for memory in (one, other):
        memory.add(*stream(30, start=100))
    assert content(one) == content(other)


def test_draws_without_stored_logits_have_no_columns():
    memory = Reservoir(5)
    memory.add(*stream()[:2])
    assert memory.draw(2)[2].shape == (2, 0)
    assert np.isnan(memory.stored_logits(3)).all()


def test_a_seed_decides_what_is_kept():
    assert content(filled(seed=1)) == content(filled(seed=1))
    assert content(filled(seed=1)) != content(filled(seed=2))


def test_streamed_pictures_are_stored_as_bytes_and_come_back():
    memory = Reservoir(4)
    x = np.arange(24, dtype="float32").reshape(6, 2, 2)
    memory.add(x, np.zeros(6, int))
    memory.add(x + 200, np.zeros(6, int))
    assert memory.nbytes == 4 * (4 + 4 * 8)
    assert memory.arrays()[0].dtype == memory.draw(1)[0].dtype == "float32"
    memory.add(x + 0.5, np.zeros(6, int))
    halves = memory.arrays()[0] % 1
    assert (halves == halves[:, :1, :1]).all() and (halves == 0.5).any()


@pytest.mark.parametrize("policy", POLICIES)
def test_a_snapshot_of_a_stream_is_restored_exactly(policy):
    memory = filled(policy)
    snapshot = memory.snapshot()

    def go_on():
        drawn = memory.draw(4)
        memory.add(*stream(30, start=100))
        return [*drawn, *memory.arrays()]

    first = go_on()
    memory.restore(snapshot)
    assert content(memory) == content(filled(policy))
    same(go_on(), first)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_file_continues_the_stream(policy, tmp_path):
    memory, other = filled(policy), Reservoir(10, policy, seed=5)
    memory.draw(3)
    memory.save(tmp_path / "stream.npz")
    other.load(tmp_path / "stream.npz")
    for each in (memory, other):
        each.add(*stream(30, start=100))
    assert content(memory) == content(other) and memory.seen == other.seen
    same(memory.draw(5), other.draw(5))


def test_an_empty_reservoir_is_saved_too(tmp_path):
    Reservoir(10).save(tmp_path / "stream.npz")
    memory = filled()
    memory.load(tmp_path / "stream.npz")
    assert len(memory) == 0 and memory.seen == {}


def test_a_config_makes_an_equal_reservoir():
    memory = Reservoir(7, "greedy", 3)
    loaded = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(memory)
    )
    assert loaded.get_config() == memory.get_config()
    assert memory.get_config() == {
        "budget": 7,
        "policy": "greedy",
        "seed": 3,
        "path": None,
    }


@keras.saving.register_keras_serializable("tests")
def newest(slots, label):
    """Holds the last samples of the stream, whatever their class."""
    place = (slots.seen.total() - 1) % slots.budget
    return len(slots) if slots.has_room else place


def test_a_policy_may_be_a_function_of_your_own(tmp_path):
    memory = filled(newest)
    assert sorted(memory.arrays()[0].ravel()) == list(range(50, 60))
    again = Reservoir.from_config(memory.get_config())
    assert again.policy is newest
    memory.save(tmp_path / "stream.npz")
    again.load(tmp_path / "stream.npz")
    assert content(again) == content(memory)
    with pytest.raises(ValueError, match="another policy"):
        Reservoir(10).load(tmp_path / "stream.npz")


@pytest.mark.parametrize("slot", [-1, 3, 10])
def test_a_slot_that_there_is_not_is_refused(slot):
    with pytest.raises(ValueError, match=f"Received: {slot}"):
        Reservoir(10, lambda slots, label: slot).add(*stream())


@pytest.mark.parametrize(
    "options, message",
    [
        ({"budget": 0}, "budget=0"),
        ({"budget": 2.5}, "budget=2.5"),
        ({"seed": -1}, "seed=-1"),
        ({"policy": "best"}, "'greedy'.*policy='best'"),
        ({"policy": ["greedy"]}, r"policy=\['greedy'\]"),
    ],
)
def test_useless_arguments_of_a_reservoir_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Reservoir(**options)


X, Y, LOGITS = stream()


def load(memory, path, other):
    other.save(path / "other.npz")
    memory.load(path / "other.npz")


@pytest.mark.parametrize(
    "act, error, message",
    [
        (lambda m, p: m.add(X, Y[:-1]), ValueError, "60 samples and 59"),
        (lambda m, p: m.add(X, None), ValueError, "Exemplars need labels"),
        (lambda m, p: m.add(X, Y - 1), ValueError, r"\[-1\]"),
        (lambda m, p: m.add(X / 0.0, Y), ValueError, "NaN or infinite"),
        (lambda m, p: m.add(X[:0], Y[:0]), ValueError, "is empty"),
        (lambda m, p: m.add(X[:, :, None], Y), ValueError, "the same axes"),
        (lambda m, p: m.add(X, Y, LOGITS[:9]), ValueError, "for 60 samples"),
        (lambda m, p: m.draw(0), ValueError, "count=0"),
        (lambda m, p: m.restore(None), TypeError, "what `snapshot` returned"),
        (
            lambda m, p: m.restore(ExemplarMemory(3).snapshot()),
            TypeError,
            "Received: Exemplars",
        ),
        (lambda m, p: load(m, p, Reservoir(9)), ValueError, "budget=9"),
        (
            lambda m, p: load(m, p, Reservoir(10, "greedy")),
            ValueError,
            r"Reservoir\(policy='greedy'\)",
        ),
        (
            lambda m, p: load(m, p, ExemplarMemory(10)),
            ValueError,
            "not a file of a stream",
        ),
    ],
)
def test_what_fails_leaves_the_reservoir_as_it_was(
    act, error, message, tmp_path
):
    memory = filled()
    before = content(memory)
    with np.errstate(all="ignore"), pytest.raises(error, match=message):
        act(memory, tmp_path)
    assert content(memory) == before
    same(memory.draw(5), filled().draw(5))


def test_an_empty_reservoir_has_nothing_to_draw():
    with pytest.raises(ValueError, match="memory is empty"):
        Reservoir(3).draw(1)


@pytest.mark.parametrize("policy", ["uniform", "balanced", "greedy"])
def test_slots_are_made_for_what_arrives(policy):
    x = np.random.default_rng(0).normal(size=(300, 2))
    large = Reservoir(budget=10**12, policy=policy)
    enough = Reservoir(budget=300, policy="uniform")
    for start in range(0, 300, 50):
        rows = slice(start, start + 50)
        for memory in (large, enough):
            memory.add(x[rows], np.arange(50) % 7)
    assert len(large) == 300 and large.counts == enough.counts
