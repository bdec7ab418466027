"""Samples of a data set that is read again and again."""

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_incremental.data.collecting import Collector
from keras_incremental.data.source import Source


class Passes:
    """Samples of a data set, pass after pass.

    Where a pass ends before there are enough samples, the next one begins.
    What is left of a batch comes first the next time.

    Args:
        source: `Source` that can be read more than once.
        stays: Function of the samples and labels of a batch, returns bools:
            which samples are not left out. Defaults to `None`, all stay.
    """

    def __init__(
        self,
        source: Source,
        stays: Callable[[Any, Any], np.ndarray] | None = None,
    ):
        self._source, self._stays = source, stays
        self._batches: Iterator[tuple] | None = None
        self._rest: tuple | None = None

    def take(self, count: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Returns the next samples, in compact storage, and their labels.

        Args:
            count: Int, how many samples.

        Returns:
            Arrays `(x, y)`; `y` is `None` without labels.
        """
        samples, labels = Collector(), list[Any]()
        while count > 0:
            x, y = self._next()
            size = min(count, len(x))
            samples.add(x[:size], self._source.dtype)
            labels.append(None if y is None else y[:size])
            count -= size
            if size < len(x):
                self._rest = x[size:], None if y is None else y[size:]
        if self._rest is None and not self._source.goes_on:
            # The data set learns that its pass has ended.
            self._rest = self._read()
        x = samples.array(self._source.dtype)
        return x, None if labels[0] is None else np.concatenate(labels)

    def _next(self):
        batch, self._rest = self._rest, None
        while batch is None:
            batch = self._read()
        return batch

    def _read(self):
        """Returns the next batch of a pass, or `None` at its end."""
        if self._batches is None:
            self._batches = self._pass()
        batch = next(self._batches, None)
        if batch is None:
            self._batches = None
        return batch

    def _pass(self):
        for x, y in self._source.passes():
            if self._stays is None:
                yield x, y
                continue
            rows = self._stays(x, y)
            if rows.any():
                yield x[rows], None if y is None else y[rows]
