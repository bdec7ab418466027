"""Data that does not say how long it is, and may have no end."""

from collections.abc import Iterator
from typing import Any

import keras

from keras_incremental.utils.user_warnings import warn

# Batches after which it looks as if data had no end.
MANY_BATCHES = 100_000


def read_to_the_end(batches: Iterator, argument: str) -> Iterator:
    """Yields batches, and warns once where there are very many.

    Args:
        batches: Iterator of data that does not say how long it is.
        argument: What the warning calls the data by.
    """
    for count, batch in enumerate(batches, 1):
        if count == MANY_BATCHES:
            _warn(argument)
        yield batch


class WatchedEnd(keras.callbacks.Callback):
    """Warns once where `predict` has read very many batches.

    Args:
        argument: String, what the warning calls the data by.
    """

    def __init__(self, argument: str):
        super().__init__()
        self.argument = argument
        self._warned = False

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch + 1 >= MANY_BATCHES and not self._warned:
            self._warned = True
            _warn(self.argument)


def _warn(argument):
    warn(
        f"`{argument}` has not ended after {MANY_BATCHES:,} batches, and does "
        "not say how long it is. This call returns when it has ended. If it "
        "has no end, interrupt the call, and pass `steps`, the number of "
        "batches to read, or `itertools.islice(iter(data), n)`."
    )
