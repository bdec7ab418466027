"""The data and the comparisons of the laws of closed-form heads."""

import numpy as np
from keras import ops

from keras_incremental.statistics import ClassMeans

INPUT_DIM = 4
NUM_CLASSES = 3


def data():
    """Features of three classes that lie apart, and their labels."""
    labels = np.arange(24) % NUM_CLASSES
    noise = np.random.default_rng(0).normal(size=(24, INPUT_DIM))
    return 5 * np.eye(INPUT_DIM)[labels] + 0.5 * noise + 1, labels


def adapted(make_head, features, labels, units=NUM_CLASSES):
    """A new head that has seen some features."""
    head = make_head(units)
    head.adapt(features, labels)
    return head


def scores_of(head):
    """Scores of the data, an array."""
    return ops.convert_to_numpy(head(data()[0].astype("float32")))


def state_of(head):
    """All that a head remembers, a list of arrays."""
    parts = [getattr(head.statistics, name) for name in ClassMeans.ARRAYS]
    parts += [head.columns(name) for name in head.column_shapes(1, 1)]
    constants = head.constants().values()
    return parts + [ops.convert_to_numpy(v) for v in constants]


def same(head, expected):
    """Two heads are the same to rounding."""
    pairs = zip(state_of(head), state_of(expected), strict=True)
    for index, (found, wanted) in enumerate(pairs):
        # The statistics are in float64, the weights in float32.
        close(found, wanted, 1e-9 if index < len(ClassMeans.ARRAYS) else 1e-4)


def close(found, expected, tolerance=1e-4):
    """Arrays are equal to a part of the largest number."""
    size = np.abs(expected).max(initial=0)
    np.testing.assert_allclose(found, expected, atol=tolerance * max(size, 1))


def identical(found, expected):
    """Lists of arrays are the same to the bit."""
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def refuses(call, arguments, word):
    """The call raises a `ValueError` that has the word in it."""
    try:
        call(*arguments)
    except ValueError as raised:
        assert word in str(raised), raised
    else:
        raise AssertionError(f"{call} took what is wrong in {word}.")
