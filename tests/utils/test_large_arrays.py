import errno
import tempfile

import numpy as np
import pytest

from keras_incremental.utils import large_arrays
from keras_incremental.utils.large_arrays import FileRows


@pytest.fixture
def small_limit(monkeypatch):
    monkeypatch.setattr(large_arrays, "LIMIT", 100)
    monkeypatch.setattr(large_arrays, "CHUNK", 64)


def in_file(x):
    return isinstance(x, np.memmap)


def test_an_array_lies_in_a_file_where_it_is_large(small_limit):
    assert not in_file(large_arrays.empty((25,), "float32"))
    large = large_arrays.empty((26, 2), "float32")
    assert in_file(large)
    large[:] = 3
    large_arrays.release(large[4:])
    np.testing.assert_array_equal(large, np.full((26, 2), 3, "float32"))
    assert not in_file(large_arrays.empty((99,), object))


@pytest.mark.parametrize("dtypes", ["BB", "Bf", "fd"])
def test_parts_are_joined_as_numpy_joins_them(small_limit, dtypes):
    parts = [np.arange(200).reshape(50, 4).astype(dtype) for dtype in dtypes]
    joined = large_arrays.concatenate(parts)
    assert in_file(joined)
    np.testing.assert_array_equal(joined, np.concatenate(parts), strict=True)
    few = [part[:1, :1] for part in parts]
    assert not in_file(large_arrays.concatenate(few))


@pytest.mark.parametrize("at_once", [None, 1, 40, 10_000])
def test_slices_are_all_rows_once_and_in_order(small_limit, at_once):
    x = np.arange(90).reshape(30, 3)
    found = [x[rows] for rows in large_arrays.slices(x, at_once)]
    np.testing.assert_array_equal(np.concatenate(found), x)
    assert len(found) > 1 or at_once == 10_000
    assert not list(large_arrays.slices(x[:0], at_once))


@pytest.mark.parametrize("rows", [[3], range(30), [*range(29), 3]])
def test_rows_are_taken_as_numpy_takes_them(small_limit, rows):
    x, rows = np.arange(90).reshape(30, 3), np.array(rows)
    taken = large_arrays.take(x, rows)
    np.testing.assert_array_equal(taken, x[rows], strict=True)
    assert in_file(taken) == (len(set(rows.tolist())) == 29)


def test_a_small_array_is_one_slice():
    (rows,) = large_arrays.slices(np.zeros((7, 2)))
    assert len(np.zeros(7)[rows]) == 7


def test_rows_arrive_in_a_file_and_are_cast_to_its_dtype():
    rows = FileRows((2,), "float32")
    for start in (0, 5):
        rows.add(np.arange(start, start + 10, dtype="uint8").reshape(5, 2))
    found = rows.array()
    assert in_file(found) and found.dtype == "float32"
    np.testing.assert_array_equal(found[:, 0], [0, 2, 4, 6, 8, 5, 7, 9, 11, 13])


def test_a_full_disk_is_an_error_that_names_the_folder(
    small_limit, monkeypatch, tmp_path
):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("os.posix_fallocate", full, raising=False)
    with pytest.raises(OSError, match="TMPDIR") as raised:
        large_arrays.empty((1000,), "float64")
    assert str(tmp_path) in str(raised.value)
    assert raised.value.errno == errno.ENOSPC
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_in_the_folder(small_limit, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    held = large_arrays.empty((1000,), "float64")
    assert in_file(held)
    assert not list(tmp_path.iterdir())
