import numpy as np
import pytest

from keras_incremental.data.collecting import Collector
from keras_incremental.utils import large_arrays

PIXELS = np.arange(60, dtype="float32").reshape(20, 3)
FRACTIONS = PIXELS + np.float32(0.5)
DOUBLES = FRACTIONS.astype("float64")


def collected(batches):
    collector, dtype = Collector(), batches[0].dtype
    for x in batches:
        dtype = np.result_type(dtype, x.dtype)
        collector.add(x, dtype)
    return collector.array(dtype)


@pytest.mark.parametrize(
    ("batches", "dtype"),
    [
        pytest.param([PIXELS] * 5, "uint8", id="pixels"),
        pytest.param([FRACTIONS] * 5, "float32", id="fractions"),
        pytest.param([PIXELS] * 4 + [FRACTIONS], "float32", id="late"),
        pytest.param([FRACTIONS] + [PIXELS] * 4, "float32", id="early"),
        pytest.param([PIXELS, FRACTIONS] * 3, "float32", id="mixed"),
        pytest.param([FRACTIONS] * 4 + [DOUBLES], "float64", id="doubles"),
    ],
)
def test_batches_are_the_same_array_in_a_file_and_in_memory(
    batches, dtype, monkeypatch
):
    in_memory = collected(batches)
    monkeypatch.setattr(large_arrays, "LIMIT", 150)
    in_file = collected(batches)
    assert isinstance(in_file, np.memmap)
    assert not isinstance(in_memory, np.memmap)
    np.testing.assert_array_equal(in_file, in_memory, strict=True)
    np.testing.assert_array_equal(in_file, np.concatenate(batches))
    assert in_file.dtype == dtype


def test_strings_stay_in_memory(monkeypatch):
    monkeypatch.setattr(large_arrays, "LIMIT", 1)
    texts = collected([np.array(["a", "b"]), np.array(["longer"])])
    assert texts.tolist() == ["a", "b", "longer"]


def test_batches_that_differ_in_shape_leave_the_file(monkeypatch):
    monkeypatch.setattr(large_arrays, "LIMIT", 150)
    samples = collected([PIXELS, PIXELS, FRACTIONS[:, :2], PIXELS])
    expected = [*PIXELS, *PIXELS, *FRACTIONS[:, :2], *PIXELS]
    assert samples.shape == (80, None) and samples.dtype == "float32"
    assert all(map(np.array_equal, samples, expected))
