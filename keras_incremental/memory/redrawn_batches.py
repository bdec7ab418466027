"""Batches whose new samples are drawn anew in each epoch."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_incremental.memory.mixed_batches import MixedBatches
from keras_incremental.utils import records

# Keras reads so many batches to know their form, before the first epoch.
LEAST_BATCHES = 2


class RedrawnBatches(MixedBatches):
    """Mixed batches that do not keep the new samples, but draw them.

    The policy numbers the samples of a first reading. The row `i` of it is
    the one at place `i` of each later pass, whatever sample is there. Where a
    pass is longer than `window`, it is read in parts, and the order is that of
    the policy within each part.

    Args:
        x: Array of the samples that are not drawn: further new ones, then
            exemplars.
        y: Dict of arrays, of all samples, those that are drawn first.
        draw: Function of a count, returns the next samples and their labels,
            which take the place of `"labels"`.
        count: Int, how many samples a pass draws.
        window: Int, how many of them are held at a time, about.
        **options: Arguments of `MixedBatches`.
    """

    def __init__(
        self,
        x: np.ndarray,
        y: dict[str, np.ndarray],
        draw: Callable[[int], tuple[np.ndarray, np.ndarray]],
        count: int,
        window: int,
        **options: Any,
    ):
        self._draw, self._count, self._window = draw, count, window
        self._drawn: Any = None
        super().__init__(x, y, **options)
        if self._weights is not None:
            self._weight_of = _by_label(self._labels, self._weights, count)

    def __getitem__(self, index):
        self._is_through |= index == len(self._rows) - 1
        x, *others = self._batch(index)
        x = self._augmented(x, self._rows[index])
        return (records.readable(x), *others)

    def one_sample(self) -> tuple:
        x, *others = keras.tree.map_structure(
            lambda array: array[:1], self._batch(0)
        )
        return (records.readable(x), *others)

    def on_epoch_begin(self) -> None:
        # Here, not in the thread that reads batches.
        self._load(0)

    def _batch(self, index):
        """Returns a batch before exemplars are augmented."""
        self._load(self._window_of[index])
        rows, places = self._rows[index], self._places[index]
        drawn, labels = self._drawn
        is_drawn = rows < self._count
        y = {name: array[rows] for name, array in self._y.items()}
        y["labels"][is_drawn] = labels[places]
        kept = self._x[rows[~is_drawn] - self._count]
        order = np.argsort(np.argsort(~is_drawn, kind="stable"))
        x = records.joined([drawn[places], kept])[order]
        return (x, y, *self._batch_weights(rows, y["labels"]))

    def _own_weights(self, rows, labels):
        own = self._weights[rows]
        drawn = labels[rows < self._count].tolist()
        own[rows < self._count] = [self._weight_of.get(k, 1.0) for k in drawn]
        return own

    def _load(self, number):
        if number == self._loaded:
            return
        # What was read before is let go before more is read.
        self._drawn = None
        self._drawn = self._draw(self._sizes[number])
        self._loaded = number

    def _shuffle(self):
        super()._shuffle()
        self._loaded = -1
        new = [rows[rows < self._count] for rows in self._rows]
        self._window_of = _windows([len(rows) for rows in new], self._window)
        self._places, self._sizes = [], []
        for number in range(self._window_of[-1] + 1):
            own = [
                rows
                for rows, window in zip(new, self._window_of, strict=True)
                if window == number
            ]
            # The place of each row among those of the window.
            ranks = np.argsort(np.argsort(np.concatenate(own)))
            ends = np.cumsum([len(rows) for rows in own])[:-1]
            self._places += np.split(ranks, ends)
            self._sizes.append(len(ranks))


def _by_label(labels, weights, count):
    """Returns a dict of the weight of each label of the first samples."""
    values, first = np.unique(labels[:count], return_index=True)
    return dict(zip(values.tolist(), weights[first], strict=True))


def _windows(sizes, most):
    """Returns the number of the window of each batch, in ascending order.

    Args:
        sizes: List of ints, the samples that each batch draws.
        most: Int, the samples of a window, where a few batches have no more.
    """
    numbers, number, held, batches = [], 0, 0, 0
    for size in sizes:
        if held and batches >= LEAST_BATCHES and held + size > most:
            number, held, batches = number + 1, 0, 0
        numbers.append(number)
        held, batches = held + size, batches + 1
    return numbers
