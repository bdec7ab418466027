"""One function over the batches of whatever `fit` takes."""

import keras


def is_tf_dataset(data):
    """Whether `data` is a `tf.data.Dataset`, without importing TensorFlow."""
    return _inherits(data, "DatasetV2", "tensorflow.python.")


def is_data_loader(data):
    """Whether `data` is a torch `DataLoader`, without importing torch."""
    return _inherits(data, "DataLoader", "torch.utils.data")


class MappedDataset(keras.utils.PyDataset):
    """Applies a function to each batch of a `PyDataset`.

    Args:
        dataset: The `PyDataset` to read.
        function: Called with a batch, returns a batch.
    """

    def __init__(self, dataset, function):
        super().__init__(
            workers=dataset.workers,
            use_multiprocessing=dataset.use_multiprocessing,
            max_queue_size=dataset.max_queue_size,
        )
        self.dataset = dataset
        self.function = function

    def __getitem__(self, index):
        return self.function(self.dataset[index])

    @property
    def num_batches(self):
        return self.dataset.num_batches

    def on_epoch_begin(self):
        self.dataset.on_epoch_begin()

    def on_epoch_end(self):
        self.dataset.on_epoch_end()


def map_loader(loader, function):
    """A torch `DataLoader` over the batches of another one."""
    from torch.utils.data import DataLoader
    from torch.utils.data import IterableDataset

    class Mapped(IterableDataset):
        def __iter__(self):
            return map(function, loader)

        def __len__(self):
            return len(loader)

    return DataLoader(Mapped(), batch_size=None)


def _inherits(data, name, module):
    return any(
        kind.__name__ == name and kind.__module__.startswith(module)
        for kind in type(data).__mro__
    )
