"""Data sets and loaders of Grain, as far as it says what they are."""

import itertools
import math
import sys
from collections.abc import Iterator

from keras_incremental.data.adapter import Adapter
from keras_incremental.utils.types import Data
from keras_incremental.utils.types import Function
from keras_incremental.utils.types import Structure

# More batches than any data set has.
LONGEST = sys.maxsize >> 24


class GrainAdapter(Adapter):
    kind = "Grain"
    classes = ("MapDataset", "IterDataset", "DataLoader")
    module = "grain."

    def __init__(self, data: Data):
        super().__init__(data)
        if _has_no_end(data):
            self.num_batches = math.inf
        elif hasattr(data, "__len__"):
            self.num_batches = len(data)

    def passes(self, steps: int | None = None) -> Iterator[Structure]:
        if self.num_batches == math.inf or not self._is_map:
            # A loader may go on by other seeds, and does not say so.
            return self.batches()
        # Only so is what is random drawn by other seeds the next time.
        return iter(self.data[:steps].repeat())

    def second_pass(self, steps: int | None, count: int) -> Iterator:
        if self.num_batches == math.inf or not self._is_map:
            on = itertools.chain(self.batches(), self.batches())
            return itertools.islice(on, steps or 0, (steps or 0) + count)
        data = self.data[:steps]
        start, count = len(data), min(len(data), count)
        return iter(data.repeat()[start : start + count])

    @property
    def goes_on(self):
        return self.num_batches == math.inf or self._is_map

    @property
    def _is_map(self):
        """Whether batches are numbered, as those of a `MapDataset`."""
        return hasattr(self.data, "repeat")

    def map(self, function: Function, spec: Function | None = None) -> Data:
        data = self.data
        if hasattr(data, "to_iter_dataset"):
            # The threads of a `MapDataset` would call it in any order.
            data = data.to_iter_dataset()
        elif not hasattr(data, "map"):
            data = _as_iter_dataset(data)
        return data.map(function)


def _has_no_end(data):
    """Returns whether a `MapDataset` is repeated, or what is read of one.

    A length is `sys.maxsize` then, or that divided by the size of batches.
    """
    while True:
        if hasattr(data, "__len__"):
            return len(data) > LONGEST
        # `LimitIterDataset` ends what it is made of.
        parents = getattr(data, "parents", ())
        if len(parents) != 1 or "Limit" in type(data).__name__:
            return False
        [data] = parents


def _as_iter_dataset(loader):
    """A `grain.IterDataset` over the batches of a `grain.DataLoader`.

    What is mapped over it runs here, not in the processes of the loader.
    """
    import grain

    class Batches(grain.IterDataset):
        def __iter__(self):
            return BatchIterator(iter(loader))

    class BatchIterator(grain.DatasetIterator):
        def __init__(self, iterator):
            super().__init__()
            self.iterator = iterator

        def __next__(self):
            return next(self.iterator)

        def get_state(self):
            return self.iterator.get_state()

        def set_state(self, state):
            self.iterator.set_state(state)

    return Batches()
