import keras
import numpy as np
from numpy.typing import DTypeLike

from keras_incremental.memory.augmentation import augmented
from keras_incremental.memory.policies import Concatenate
from keras_incremental.memory.policies import MixingPolicy
from keras_incremental.utils import records
from keras_incremental.utils.types import Function


class JoinedRows:
    """Rows of two arrays as of one, cast when they are read.

    Args:
        first: Array of shape `(num_first, ...)`.
        second: Array of shape `(num_second, ...)`.
        dtype: dtype of the rows; strings are as long as they are.
    """

    def __init__(self, first: np.ndarray, second: np.ndarray, dtype: DTypeLike):
        if np.dtype(dtype).kind in "UV":
            dtype = np.result_type(dtype, first.dtype, second.dtype)
        self.dtype = np.dtype(dtype)
        self._parts = first, second

    def __len__(self):
        return sum(map(len, self._parts))

    def __getitem__(self, rows):
        first, second = self._parts
        read = np.empty((len(rows), *first.shape[1:]), self.dtype)
        is_first = rows < len(first)
        read[is_first] = self._cast(first[rows[is_first]])
        read[~is_first] = self._cast(second[rows[~is_first] - len(first)])
        return read

    def _cast(self, x):
        return records.cast(x, self.dtype) if records.is_records(x) else x


class MixedBatches(keras.utils.PyDataset):
    """Batches of new samples and exemplars, mixed by a policy.

    The order depends on the seed alone; each pass has another one. Pass
    `shuffle=False` to `fit`: Keras would shuffle the batches by a seed of its
    own.

    Args:
        x: Array of shape `(num_samples, ...)`, or `JoinedRows`: new samples,
            then exemplars.
        y: Array of as many labels, or dict of arrays.
        policy: `MixingPolicy`, decides which rows are in a batch. Defaults to
            `None`, `Concatenate()`.
        num_new: Int, how many samples are new. Defaults to `None`, all.
        batch_size: Int. New samples in a batch, for policies that add
            exemplars to it, else all. Defaults to `32`.
        seed: Int. Defaults to `0`.
        augmentation: Layer or function on batches, applied to exemplars.
            Defaults to `None`.
        sample_weight: Array of as many weights. Defaults to `None`.
        labels: Array of ints that the policy looks at. Defaults to `None`,
            `y`.
        replayed: Array of bools, which samples are augmented. Defaults to
            `None`, all but the new ones.
    """

    def __init__(
        self,
        x: np.ndarray | JoinedRows,
        y: np.ndarray | dict[str, np.ndarray],
        policy: MixingPolicy | None = None,
        num_new: int | None = None,
        batch_size: int = 32,
        seed: int = 0,
        augmentation: Function | None = None,
        sample_weight: np.ndarray | None = None,
        labels: np.ndarray | None = None,
        replayed: np.ndarray | None = None,
    ):
        super().__init__()
        self.policy = Concatenate() if policy is None else policy
        self.num_new = len(x) if num_new is None else num_new
        self.batch_size = batch_size
        self.augmentation = augmentation
        self._x, self._y, self._weights = x, y, sample_weight
        self._labels = y if labels is None else labels
        if replayed is None:
            replayed = np.arange(len(self._labels)) >= self.num_new
        self._replayed = replayed
        self._generator = np.random.default_rng(seed)
        self._shown = np.zeros(len(self._labels), "int64")
        self._shuffle()

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, index):
        rows = self._rows[index]
        self._is_through |= index == len(self._rows) - 1
        y = keras.tree.map_structure(lambda array: array[rows], self._y)
        weights = self._batch_weights(rows)
        x = self._augmented(self._x[rows], rows)
        return (records.readable(x), y, *weights)

    def one_sample(self) -> tuple:
        """Returns a batch of one sample, to build a model with."""
        rows = self._rows[0][:1]
        y = keras.tree.map_structure(lambda array: array[rows], self._y)
        x = records.readable(self._x[rows])
        return (x, y, *self._batch_weights(rows))

    def on_epoch_end(self) -> None:
        # An epoch of `steps_per_epoch` may end in the middle of a pass.
        if self._is_through:
            self._shuffle()

    def _augmented(self, x, rows):
        old = self._replayed[rows]
        if self.augmentation is None or not old.any():
            return x
        x[old] = augmented(self.augmentation, x[old], x.dtype)
        return x

    def _batch_weights(self, rows, labels=None):
        num_new = int(np.sum(rows < self.num_new))
        weights = self.policy.batch_weights(num_new, len(rows) - num_new)
        if self._weights is None:
            return () if weights is None else (weights,)
        own = self._own_weights(rows, labels)
        return (own if weights is None else own * weights,)

    def _own_weights(self, rows, labels):
        return self._weights[rows]

    def _shuffle(self):
        self._is_through = False
        self._rows = list(
            self.policy.indices(
                self._labels,
                self.num_new,
                self.batch_size,
                self._generator,
                self._shown,
            )
        )
        for rows in self._rows:
            np.add.at(self._shown, rows, 1)
