import numpy as np

from keras_incremental.data import as_source
from keras_incremental.memory.selector import gather

X = np.arange(60, dtype="float32").reshape(60, 1)
Y = np.arange(60) % 3


def test_small_streams_are_gathered_whole_and_in_order():
    x, y = gather(as_source(X, Y, batch_size=7), limit=20)
    assert y.tolist() == [0] * 20 + [1] * 20 + [2] * 20
    assert x[:3, 0].tolist() == [0, 3, 6]
    assert x.dtype == np.uint8


def test_long_streams_are_bounded_for_each_class():
    x, y = gather(as_source(X, Y, batch_size=7), limit=4)
    assert y.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    np.testing.assert_array_equal(x[:, 0].astype(int) % 3, y)
    assert len(np.unique(x)) == 12
    again, _ = gather(as_source(X, Y, batch_size=7), limit=4)
    np.testing.assert_array_equal(x, again)


def test_every_sample_has_the_same_chance():
    counts = np.zeros(20)
    source = as_source(X[:20], np.zeros(20, int), batch_size=3)
    for seed in range(400):
        x, _ = gather(source, 5, seed)
        counts[x[:, 0].astype(int)] += 1
    # 100 expected; the standard deviation is 8.7.
    assert counts.min() > 65 and counts.max() < 135


def test_pictures_that_need_floats_stay_floats():
    x = X.copy()
    x[40] = 0.5
    x, y = gather(as_source(x, Y, batch_size=7), limit=20)
    assert x.dtype == np.float32
    assert 0.5 in x[y == 1]


def test_one_hot_labels_are_understood():
    x, y = gather(as_source(X, np.eye(3)[Y]), limit=20)
    assert y.tolist() == [0] * 20 + [1] * 20 + [2] * 20
