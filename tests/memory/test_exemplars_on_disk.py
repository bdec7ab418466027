"""Memories whose samples lie in a file are those in memory."""

import csv
import errno
import os
import pathlib
import shutil
import sqlite3

import numpy as np
import pytest
from memory_data import identity

from keras_incremental import ExemplarMemory
from keras_incremental.errors import DamagedFileError
from keras_incremental.memory import Reservoir
from keras_incremental.memory import sample_store
from keras_incremental.memory.sample_store import SampleStore
from keras_incremental.utils import large_arrays
from keras_incremental.utils import records


def pictures(generator, size):
    return generator.integers(0, 256, (size, 4, 4, 3)).astype("float32")


def mixed(generator, size):
    """Pictures that bytes hold, or not, by turns."""
    return pictures(generator, size) / generator.integers(1, 3)


def texts(generator, size):
    lengths = generator.integers(1, 9, size)
    return np.array([k * "é" + str(k) for k in lengths.tolist()])


def parts(generator, size):
    fields = {"pixels": mixed(generator, size), "text": texts(generator, size)}
    return records.of_fields(fields, fields.values())


def herded(path):
    return ExemplarMemory(20, features=_flat, path=path)


def drawn(path):
    return ExemplarMemory(4, True, "random", path=path)


def balanced(path):
    return Reservoir(20, "balanced", path=path)


def uniform(path):
    return Reservoir(20, path=path)


def _flat(x):
    return np.asarray(x).reshape(len(x), -1)


def grow(memory, x, y):
    change = memory.add if isinstance(memory, Reservoir) else memory.update
    change(x, y)


def assert_equal(one, other):
    for name in ("ids", "phases", "label_versions", "labels", "forgotten"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    for a, b in zip(one.arrays(), other.arrays(), strict=True):
        assert a.dtype == b.dtype and np.array_equal(a, b)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "exemplars.sqlite"


def filled(path, budget=12, **options):
    memory = ExemplarMemory(budget, features=identity, path=path, **options)
    x = np.arange(60, dtype="float32").reshape(20, 3) / 7
    memory.update(x, np.repeat([0, 1], 10))
    return memory


@pytest.mark.parametrize(
    "make, kind",
    [
        (herded, pictures),
        (herded, mixed),
        (drawn, texts),
        (drawn, parts),
        (balanced, mixed),
        (uniform, parts),
    ],
)
def test_any_sequence_keeps_what_a_memory_keeps(make, kind, path, tmp_path):
    generator = np.random.default_rng(0)
    one, other = make(None), make(path)
    for step in range(5):
        x, y = kind(generator, 30), generator.integers(step, step + 3, 30)
        for memory in (one, other):
            grow(memory, x, y)
        assert_equal(one, other)
        gone = generator.choice(one.ids, 3)
        assert one.forget(gone) == other.forget(gone)
        assert one.forget_classes([step]) == other.forget_classes([step])
        one.save(tmp_path / "one.npz"), other.save(tmp_path / "other.npz")
        one, other = make(None), make(path)
        # Either file becomes the content of either memory.
        one.load(tmp_path / ("other.npz" if step % 2 else "one.npz"))
        other.load(tmp_path / ("one.npz" if step == 4 else "other.npz"))
        assert_equal(one, other)


def test_batches_are_those_of_memory(path):
    x, y = np.ones((9, 3), "float32"), np.full(9, 2)
    one, other = (filled(p).mix(x, y, batch_size=3) for p in (None, path))
    assert len(one) == 3
    for a, b in zip(one, other, strict=True):
        assert np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1])


def test_all_samples_are_read_into_a_file_where_they_are_large(
    path, monkeypatch
):
    memory = filled(path)
    x, _ = memory.arrays()
    monkeypatch.setattr(large_arrays, "LIMIT", 100)
    monkeypatch.setattr(large_arrays, "CHUNK", 40)
    large, _ = memory.arrays()
    assert isinstance(large, np.memmap) and np.array_equal(large, x)


def test_a_saved_memory_refers_to_the_file(path, tmp_path):
    memory = ExemplarMemory(40, selection="random", path=path)
    x = pictures(np.random.default_rng(0), 40)
    memory.update(x, np.zeros(40, int))
    memory.save(tmp_path / "memory.npz")
    saved = (tmp_path / "memory.npz").read_bytes()
    assert not any(sample.tobytes() in saved for sample in x)
    assert not any(s.astype("uint8").tobytes() in saved for s in x)
    again = ExemplarMemory(40, path=path)
    again.load(tmp_path / "memory.npz")
    assert_equal(memory, again)


@pytest.mark.parametrize("lost", ["missing", "empty", "another", "older"])
def test_a_file_that_is_lost_is_named(lost, path, tmp_path):
    memory = filled(path)
    shutil.copy(path, tmp_path / "older")
    memory.update(np.ones((2, 3)), np.full(2, 2))
    memory.save(tmp_path / "memory.npz")
    path.unlink()
    if lost == "empty":
        path.touch()
    if lost == "another":
        filled(path)
    if lost == "older":
        shutil.copy(tmp_path / "older", path)
    gone = lost in ("missing", "empty")
    error = FileNotFoundError if gone else ValueError
    with pytest.raises(error, match=str(path)):
        ExemplarMemory().load(tmp_path / "memory.npz")
    if gone:
        for kind in (ExemplarMemory, Reservoir):
            with pytest.raises(FileNotFoundError, match="Put it there"):
                kind.from_config({**kind().get_config(), "path": str(path)})
        assert path.exists() == (lost == "empty")


def test_a_class_of_file_that_is_none_is_refused(path):
    path.write_bytes(b"x" * 5000)
    with pytest.raises(DamagedFileError, match="exemplars.sqlite"):
        ExemplarMemory(path=path)
    path.unlink()
    sqlite3.connect(path).execute("CREATE TABLE mine (x)").connection.close()
    with pytest.raises(DamagedFileError, match="other tables"):
        ExemplarMemory(path=path)


def test_what_is_forgotten_is_in_no_file(path, tmp_path):
    memory = ExemplarMemory(9, selection="random", path=path)
    x = np.random.default_rng(0).normal(size=(9, 40))
    memory.update(x, np.zeros(9, int))
    memory.save(tmp_path / "before.npz")
    held = memory.arrays()[0]
    assert all(sample.tobytes() in path.read_bytes() for sample in held)
    gone, memory_ids = memory.ids[:4], memory.ids
    memory.forget(gone)
    stored = path.read_bytes()
    found = [sample.tobytes() in stored for sample in held]
    assert found == 4 * [False] + 5 * [True]
    again = ExemplarMemory(9, path=path)
    again.load(tmp_path / "before.npz")
    assert again.ids.tolist() == memory_ids[4:].tolist()


def test_displaced_samples_stay_until_the_file_is_pruned(path, tmp_path):
    memory = filled(path)
    memory.save(tmp_path / "before.npz")
    before, snapshot = memory.arrays()[0], memory.snapshot()
    memory.update(np.ones((3, 3)), np.full(3, 2))
    earlier = ExemplarMemory(12, path=path)
    earlier.load(tmp_path / "before.npz")
    assert np.array_equal(earlier.arrays()[0], before)
    # Something in this process still has them.
    assert earlier.prune() == 0
    del earlier, snapshot
    size = path.stat().st_size
    assert memory.prune() == 4
    assert path.stat().st_size <= size
    assert len(memory.arrays()[0]) == len(memory)
    with pytest.raises(ValueError, match="pruned"):
        ExemplarMemory(12, path=path).load(tmp_path / "before.npz")
    assert ExemplarMemory().prune() == 0


def test_old_exemplars_expire(path, monkeypatch):
    now = sample_store.time.time()
    monkeypatch.setattr(sample_store.time, "time", lambda: now - 86400 * 9)
    memory = filled(path)
    monkeypatch.undo()
    memory.update(np.ones((3, 3)), np.full(3, 2))
    old = memory.ids[memory.labels < 2].tolist()
    assert memory.expired(max_phases=0).tolist() == old
    assert memory.expired(max_days=8).tolist() == old
    assert not len(memory.expired(max_days=10, max_phases=1))
    memory.forget(memory.expired(max_days=8))
    assert memory.classes == [2]
    with pytest.raises(ValueError, match="with a `path`"):
        filled(None).expired(max_days=1)


def test_what_is_kept_is_exported(path, tmp_path):
    memory = ExemplarMemory(6, selection="random", path=path)
    x = pictures(np.random.default_rng(0), 6)
    memory.update(x, np.repeat([0, 1], 3))
    assert memory.export(tmp_path / "kept", ["cat", "dog"]) == 6
    with open(tmp_path / "kept/exemplars.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == 3 * ["cat"] + 3 * ["dog"]
    assert [int(row["id"]) for row in rows] == memory.ids.tolist()
    assert all((tmp_path / "kept" / row["file"]).exists() for row in rows)
    numbers = filled(None)
    numbers.export(tmp_path / "numbers")
    x = numbers.arrays()[0]
    number = numbers.ids[0]
    assert np.array_equal(np.load(tmp_path / f"numbers/{number}.npy"), x[0])


class Stopped(BaseException):
    pass


def _stop_at(count, action, monkeypatch):
    """Calls something while a sample is written."""
    values = sample_store._values

    def write(*args):
        for number, value in enumerate(values(*args), 1):
            if number == count:
                action()
            yield value

    monkeypatch.setattr(sample_store, "_values", write)


def test_a_process_killed_in_an_update_leaves_the_old_content(
    path, tmp_path, monkeypatch
):
    memory = filled(path)
    memory.save(tmp_path / "memory.npz")
    copies = tmp_path / "killed"
    copies.mkdir()

    def copy():
        # What a dead process leaves: the file and its journal.
        for file in pathlib.Path(tmp_path).glob("exemplars.sqlite*"):
            shutil.copy(file, copies)

    _stop_at(900, copy, monkeypatch)
    # More than SQLite holds in memory, so that the file is written to.
    monkeypatch.setattr(sample_store, "OPTIONS", ())
    SampleStore(path).add(np.random.default_rng(0).normal(size=(1000, 600)))
    names = {file.name for file in copies.iterdir()}
    assert names == {"exemplars.sqlite", "exemplars.sqlite-journal"}
    killed = copies / "exemplars.sqlite"
    assert killed.stat().st_size > 1_000_000
    loaded = ExemplarMemory(12, path=killed)
    loaded.load(tmp_path / "memory.npz")
    assert_equal(memory, loaded)
    assert SampleStore(killed).last_row() == 12


def test_an_update_that_raises_stores_nothing(path, monkeypatch):
    memory = filled(path)
    before = memory.arrays()[0]

    def stop():
        raise Stopped

    _stop_at(3, stop, monkeypatch)
    with pytest.raises(Stopped):
        memory.update(np.arange(18).reshape(6, 3), np.full(6, 2))
    assert np.array_equal(memory.arrays()[0], before)
    assert SampleStore(path).last_row() == 12


def test_a_process_waits_for_another_that_writes(path, monkeypatch):
    memory = filled(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(sample_store, "PATIENCE", 0.01)
    late = ExemplarMemory(12, features=identity, path=path)
    # It may read.
    late.take_over(memory)
    with pytest.raises(OSError, match="locked.*exemplars.sqlite") as error:
        late.update(np.ones((6, 3)), np.full(6, 2))
    assert error.value.errno == errno.EBUSY
    assert_equal(late, memory)
    other.execute("ROLLBACK")
    other.close()
    late.update(np.ones((6, 3)), np.full(6, 2))
    assert late.classes == [0, 1, 2]


def test_a_full_disk_is_named_and_changes_nothing(path):
    memory = filled(path)
    before = memory.arrays()[0]
    store = memory._store
    pages = store._query("PRAGMA page_count")[0][0]
    store._query(f"PRAGMA max_page_count = {pages}")
    x = np.random.default_rng(0).normal(size=(60, 5000))
    with pytest.raises(OSError, match="Make room") as error:
        store.add(x)
    assert error.value.errno == errno.ENOSPC
    assert np.array_equal(memory.arrays()[0], before)


def test_a_damaged_sample_is_an_error(path):
    memory = ExemplarMemory(3, selection="random", path=path)
    memory.update(np.zeros((1, 500)), np.zeros(1, int))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("UPDATE samples SET x = zeroblob(7)")
    other.close()
    with pytest.raises(DamagedFileError, match="exemplars.sqlite"):
        memory.arrays()


def test_a_sample_is_compressed_where_that_halves_it(path):
    store = SampleStore(path)
    store.add(np.zeros((1, 500)))
    store.add(np.random.default_rng(0).normal(size=(1, 500)))
    sizes = store._query("SELECT LENGTH(x) FROM samples ORDER BY row")
    assert sizes[0][0] < 100 and sizes[1][0] == 4000


def test_a_forked_process_opens_the_file_itself(path, monkeypatch):
    memory = filled(path)
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    assert len(memory.arrays()[0]) == 12
    assert len(memory._store._connections) == 2
    memory._store._connections.pop(parent + 1).close()
