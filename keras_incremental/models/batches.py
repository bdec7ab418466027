import keras
import numpy as np


class Batches(keras.utils.PyDataset):
    """Shuffled batches of arrays, in an order that only the seed decides.

    Args:
        arrays: Arrays of the same length: inputs, labels, sample weights.
        batch_size: Int. Defaults to `32`.
        seed: Int. Defaults to `0`.
        augmentation: Callable on a batch of inputs, or `None`.
    """

    def __init__(self, arrays, batch_size=32, seed=0, augmentation=None):
        super().__init__()
        self.arrays = arrays
        self.batch_size = batch_size
        self.augmentation = augmentation
        self._generator = np.random.default_rng(seed)
        self._shuffle()

    def __len__(self):
        return -(-len(self._order) // self.batch_size)

    def __getitem__(self, index):
        start = index * self.batch_size
        chosen = self._order[start : start + self.batch_size]
        inputs, *rest = (array[chosen] for array in self.arrays)
        if self.augmentation is not None:
            inputs = self.augmentation(inputs)
        return (inputs, *rest)

    def on_epoch_end(self):
        self._shuffle()

    def _shuffle(self):
        self._order = self._generator.permutation(len(self.arrays[0]))


def balanced_weights(labels):
    """One weight for each sample, so that every class counts the same.

    Args:
        labels: Ints of shape `(num_samples,)`.

    Returns:
        Float32 array of shape `(num_samples,)`, of mean 1.
    """
    counts = np.bincount(labels)
    weights = 1.0 / counts[labels]
    return (weights / weights.mean()).astype("float32")
