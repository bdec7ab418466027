import keras
import numpy as np

from keras_incremental.memory.policies import Concatenate
from keras_incremental.memory.policies import (
    balanced_weights as balanced_weights,
)


class Batches(keras.utils.PyDataset):
    """Shuffled batches of arrays, in an order that only the seed decides.

    Args:
        arrays: Arrays of the same length: inputs, labels, sample weights.
        batch_size: Int. Defaults to `32`.
        seed: Int. Defaults to `0`.
        augmentation: Callable on a batch of inputs, or `None`.
        policy: `MixingPolicy` of ints as labels, says which rows lie in a
            batch. It adds no sample weights: `policy.weights` has them.
            Defaults to `None`, a shuffled union.
        num_new: Int. How many samples are new; exemplars lie behind them.
            Defaults to `None`, all.
        labels: Ints that the policy looks at. Defaults to `None`, the second
            array.
    """

    def __init__(
        self,
        arrays,
        batch_size=32,
        seed=0,
        augmentation=None,
        policy=None,
        num_new=None,
        labels=None,
    ):
        super().__init__()
        self.arrays = arrays
        self.batch_size = batch_size
        self.augmentation = augmentation
        self.policy = Concatenate() if policy is None else policy
        self.num_new = len(arrays[0]) if num_new is None else num_new
        self.labels = arrays[:2][-1] if labels is None else labels
        self._generator = np.random.default_rng(seed)
        self._shuffle()

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, index):
        chosen = self._rows[index]
        inputs, *upper = (array[chosen] for array in self.arrays)
        if self.augmentation is not None:
            inputs = self.augmentation(inputs)
        return (inputs, *upper)

    def on_epoch_end(self):
        self._shuffle()

    def _shuffle(self):
        self._rows = list(
            self.policy.indices(
                self.labels, self.num_new, self.batch_size, self._generator
            )
        )
