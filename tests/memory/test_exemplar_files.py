import numpy as np
import pytest
from store_data import content
from store_data import filled
from store_data import first
from store_data import last
from store_data import samples

from keras_incremental.errors import DamagedFileError
from keras_incremental.memory import ExemplarStore
from keras_incremental.memory import Reservoir


def test_strings_are_saved_too(tmp_path):
    store = ExemplarStore(4)
    store.insert(np.array(["one", "two"]), np.array([0, 0]), first)
    store.insert(np.array(["seven"]), np.array([1]), first)
    store.save(tmp_path / "m.npz")
    other = ExemplarStore(4)
    other.load(tmp_path / "m.npz")
    assert other.arrays()[0].tolist() == ["one", "two", "seven"]


def test_a_file_brings_everything_back(tmp_path):
    store = filled(8, (6, 6))
    path = tmp_path / "memory"
    store.save(path)
    other = ExemplarStore(8)
    other.load(path)
    assert content(other) == content(store)
    assert [p.name for p in tmp_path.iterdir()] == ["memory"]
    for each in (store, other):
        each.insert(*samples(2, 6), last)
    assert content(other) == content(store)


def test_an_empty_memory_is_saved_too(tmp_path):
    ExemplarStore(8).save(tmp_path / "m.npz")
    store = filled(8, (6,))
    store.load(tmp_path / "m.npz")
    assert len(store) == 0
    store.insert(*samples(0, 2), first)
    assert len(store) == 2


def test_a_smaller_memory_loads_the_first_of_each_class(tmp_path):
    store = filled(8, (6, 6))
    store.save(tmp_path / "m.npz")
    small = ExemplarStore(5)
    small.load(tmp_path / "m.npz")
    assert small.counts == {0: 3, 1: 2}
    assert small.arrays()[0][:, 1, 1].tolist() == [0, 1, 2, 0, 1]


@pytest.mark.parametrize("part", [0.0, 0.2, 0.5, 0.9, 0.99])
def test_half_a_file_changes_nothing(tmp_path, part):
    store = filled(8, (6, 6))
    path = tmp_path / "m.npz"
    store.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    before = content(store)
    with pytest.raises(ValueError, match="damaged or of another kind"):
        store.load(path)
    assert content(store) == before


def test_a_flipped_byte_is_noticed(tmp_path):
    store = filled(8, (6, 6))
    path = tmp_path / "m.npz"
    store.save(path)
    data = bytearray(path.read_bytes())
    data[data.index(store.snapshot().x.tobytes()) + 3] ^= 255
    path.write_bytes(bytes(data))
    with pytest.raises(ValueError, match="damaged"):
        store.load(path)


def test_a_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "m.npz"
    np.savez(path, weights=np.zeros(3))
    with pytest.raises(ValueError, match="another kind"):
        ExemplarStore(3).load(path)
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(ValueError, match="another kind"):
        ExemplarStore(3).load(tmp_path / "one.npy")


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        ExemplarStore(3).load(tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("name", "value", "dtype"),
    [
        ("x", np.nan, "float32"),
        ("x", 1e300, "float64"),
        ("logits", np.inf, "float32"),
    ],
)
def test_values_that_no_call_takes_are_in_no_file(tmp_path, name, value, dtype):
    memory, path = Reservoir(8), tmp_path / "m.npz"
    x = np.eye(3) + 0.5
    memory.add(x, np.arange(3), logits=x)
    memory.save(path)
    with np.load(path) as file:
        arrays = dict(file)
    arrays[name] = arrays[name].astype(dtype)
    np.savez(path, **arrays)
    memory.load(path)
    arrays[name][1, 2] = value
    np.savez(path, **arrays)
    with pytest.raises(DamagedFileError, match=rf"{name}\[1\]"):
        memory.load(path)
    assert np.array_equal(memory.arrays()[0], x)
