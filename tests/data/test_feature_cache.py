import inspect
import tracemalloc

import numpy as np
import pytest

from keras_incremental.data.feature_cache import FeatureCache
from keras_incremental.data.feature_cache import keys_of

CODE = inspect.getfile(FeatureCache)
X = np.array([[1.0], [2.0], [1.0], [3.0]], "float32")


def read(cache, x):
    keys = keys_of(x)
    missing = cache.missing(keys)
    computed = {key: 10 * x[i] for key, i in missing.items()}
    return cache.rows(keys, computed), list(missing.values())


def test_each_sample_is_missing_once():
    cache = FeatureCache()
    rows, missing = read(cache, X)
    np.testing.assert_array_equal(rows, 10 * X)
    assert missing == [0, 1, 3]
    rows, missing = read(cache, np.float32([[3], [1], [2], [1], [4]]))
    np.testing.assert_array_equal(rows[:, 0], [30, 10, 20, 10, 40])
    assert missing == [4]


def test_the_oldest_rows_are_dropped_beyond_the_bound():
    cache = FeatureCache(max_bytes=2 * 500)
    rows, _ = read(cache, X)
    np.testing.assert_array_equal(rows, 10 * X)
    assert len(cache) == 2
    assert read(cache, X[3:])[1] == []
    assert read(cache, X[:1])[1] == [0]


@pytest.mark.parametrize("width", [1, 100, 4000])
def test_the_bound_is_of_all_that_is_held(width):
    tracemalloc.start()
    try:
        cache = FeatureCache(max_bytes=10**6)
        for start in range(0, 8000, 200):
            numbers = np.arange(start, start + 200, dtype="float32")
            read(cache, np.repeat(numbers[:, None], width, axis=1))
        snapshot = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    # Not what measures the coverage.
    own = snapshot.filter_traces([tracemalloc.Filter(True, CODE)])
    held = sum(statistic.size for statistic in own.statistics("filename"))
    assert 0.5e6 < held < 1.1e6


def test_samples_of_another_dtype_or_shape_are_other_samples():
    kinds = [X[:1], X[:1].astype("float64"), X[:1, None], np.array([["1"]])]
    assert len({key for x in kinds for key in keys_of(x)}) == len(kinds)
