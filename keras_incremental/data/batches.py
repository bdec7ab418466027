"""Batches of other data as a `PyDataset`, which Keras reads."""

import keras

from keras_incremental.utils.types import Function


class MappedDataset(keras.utils.PyDataset):
    """Applies a function to each batch of a `PyDataset`.

    Args:
        dataset: The `PyDataset` to read.
        function: Called with a batch, returns a batch.
    """

    def __init__(self, dataset: keras.utils.PyDataset, function: Function):
        super().__init__(
            workers=dataset.workers,
            use_multiprocessing=dataset.use_multiprocessing,
            max_queue_size=dataset.max_queue_size,
        )
        self.dataset = dataset
        self.function = function
        self.class_names = getattr(dataset, "class_names", None)

    def __len__(self):
        return self.num_batches

    def __getitem__(self, index):
        return self.function(self.dataset[index])

    @property
    def num_batches(self) -> int | None:
        return self.dataset.num_batches

    def on_epoch_begin(self) -> None:
        self.dataset.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self.dataset.on_epoch_end()


class ListedBatches(keras.utils.PyDataset):
    """Batches of a list, for `fit`.

    Args:
        batches: List of tuples of arrays.
    """

    def __init__(self, batches: list[tuple]):
        super().__init__()
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]
