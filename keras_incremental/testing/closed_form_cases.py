"""Data and comparisons for the checks of closed-form heads."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from keras import ops

from keras_incremental.statistics import ClassMeans
from keras_incremental.utils.types import Function

INPUT_DIM = 4
NUM_CLASSES = 3


def data() -> tuple[np.ndarray, np.ndarray]:
    """Returns features and labels of three separate classes."""
    labels = np.arange(24) % NUM_CLASSES
    noise = np.random.default_rng(0).normal(size=(24, INPUT_DIM))
    return 5 * np.eye(INPUT_DIM)[labels] + 0.5 * noise + 1, labels


def adapted(
    make_head: Function,
    features: np.ndarray,
    labels: np.ndarray,
    units: int = NUM_CLASSES,
) -> Any:
    """Returns a new head that is adapted to some features."""
    head = make_head(units)
    head.adapt(features, labels)
    return head


def scores_of(head: Any) -> np.ndarray:
    """Returns the scores of the data."""
    return ops.convert_to_numpy(head(data()[0].astype("float32")))


def state_of(head: Any) -> list[np.ndarray]:
    """Returns the state of a head as a list of arrays."""
    parts = [getattr(head.statistics, name) for name in ClassMeans.ARRAYS]
    parts += [head.columns(name) for name in head.column_shapes(1, 1)]
    constants = head.constants().values()
    return parts + [ops.convert_to_numpy(v) for v in constants]


def same(head: Any, expected: Any) -> None:
    """Asserts that two heads are equal up to rounding."""
    pairs = zip(state_of(head), state_of(expected), strict=True)
    for index, (found, wanted) in enumerate(pairs):
        # The statistics are in float64, the weights in float32.
        close(found, wanted, 1e-9 if index < len(ClassMeans.ARRAYS) else 1e-4)


def close(
    found: np.ndarray, expected: np.ndarray, tolerance: float = 1e-4
) -> None:
    """Asserts that arrays are equal relative to the largest number."""
    size = np.abs(expected).max(initial=0)
    np.testing.assert_allclose(found, expected, atol=tolerance * max(size, 1))


def identical(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    """Asserts that lists of arrays are bit-identical."""
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def refuses(call: Function, arguments: Iterable, word: str) -> None:
    """Asserts that a call raises a `ValueError` that contains a word."""
    try:
        call(*arguments)
    except ValueError as raised:
        assert word in str(raised), raised
    else:
        raise AssertionError(f"{call} took what is wrong in {word}.")
