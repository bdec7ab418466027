"""Features in a folder, for several processes."""

import os

import numpy as np
import pytest

from keras_incremental.data import FeatureFolder
from keras_incremental.data import feature_folder
from keras_incremental.data.feature_cache import keys_of

X = np.arange(6, dtype="float32").reshape(6, 1)


def read(cache, x):
    keys = keys_of(x)
    missing = cache.missing(keys)
    computed = {key: 10 * x[i] for key, i in missing.items()}
    np.testing.assert_array_equal(cache.rows(keys, computed), 10 * x)
    return list(missing.values())


@pytest.fixture
def folder(tmp_path):
    return FeatureFolder(tmp_path / "features")


def test_another_process_finds_what_was_written(folder):
    one, other = folder.of("net"), folder.of("net")
    assert read(one, X[[0, 1, 0]]) == [0, 1]
    # It waits, and is known to this process alone.
    assert read(one, X[[1, 2]]) == [1]
    assert folder.nbytes == 0 and other.missing(keys_of(X[:1]))
    one.flush()
    assert read(other, X[[2, 5, 1, 0, 1]]) == [1]
    assert len(one) == 3 and len(other) == 4
    other.flush()
    assert read(one, X[[5, 3]]) == [1]


def test_other_layers_find_nothing(folder):
    one = folder.of("net")
    read(one, X)
    one.flush()
    assert read(folder.of("net of other weights"), X[:2]) == [0, 1]


def test_what_waits_is_written_when_the_cache_is_left(folder):
    read(folder.of("net"), X)
    assert read(folder.of("net"), X) == []


def test_rows_are_written_before_they_are_many(folder, monkeypatch):
    monkeypatch.setattr(feature_folder, "WAITING", 16)
    cache = folder.of("net")
    read(cache, X[:3])
    assert folder.nbytes == 0
    read(cache, X[3:])
    assert folder.nbytes > 0 and read(folder.of("net"), X) == []


def test_what_was_not_used_for_long_is_deleted_first(folder, tmp_path):
    cache = folder.of("net")
    segments = []
    for k in range(3):
        known = set((tmp_path / "features").glob("net/*"))
        read(cache, X[k : k + 1])
        cache.flush()
        (path,) = set((tmp_path / "features").glob("net/*")) - known
        segments.append(path)
        os.utime(path / "rows.npy", (k, k))
    size = folder.nbytes
    # The oldest is used again.
    assert read(folder.of("net"), X[:1]) == []
    small = FeatureFolder(folder.path, 2 * size // 3)
    small.shrink()
    assert [path.exists() for path in segments] == [True, False, True]
    assert small.nbytes <= small.max_bytes
    # This process goes on without it.
    assert read(cache, X[:3]) == [1]


def test_a_damaged_segment_is_computed_again(folder, tmp_path):
    cache = folder.of("net")
    read(cache, X)
    cache.flush()
    (rows,) = (tmp_path / "features").glob("net/*/rows.npy")
    rows.write_bytes(rows.read_bytes()[:100])
    assert read(folder.of("net"), X) == [*range(6)]


def test_a_process_killed_in_a_write_leaves_nothing(
    folder, tmp_path, monkeypatch
):
    cache = folder.of("net")
    read(cache, X)
    save, calls = np.save, []

    def stop(*args):
        calls.append(save(*args))
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(np, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        cache.flush()
    assert folder.nbytes == 0 and folder.of("net").missing(keys_of(X))
    monkeypatch.undo()
    assert read(cache, X) == []


def test_all_of_it_is_erased(folder):
    cache = folder.of("net")
    read(cache, X)
    cache.flush()
    folder.erase()
    assert folder.nbytes == 0 and read(cache, X) == [*range(6)]


def test_a_size_that_is_none_is_refused(tmp_path):
    with pytest.raises(TypeError, match="`max_bytes` of FeatureFolder"):
        FeatureFolder(tmp_path, max_bytes="8 GB")
