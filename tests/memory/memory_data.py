import keras
import numpy as np
import pytest

from keras_incremental.callbacks.exemplar_memory import ExemplarMemory


def identity(x):
    return x


def new_data(label=2, size=60):
    """Samples that tell their number; new ones are 1000 and more."""
    x = np.zeros((size, 3), "float32")
    x[:, 0] = 1000 + np.arange(size)
    return x, np.full(size, label)


def old_data(sizes=(8, 8)):
    x = np.zeros((sum(sizes), 3), "float32")
    x[:, 0] = np.arange(sum(sizes))
    return x, np.repeat(np.arange(len(sizes)), sizes)


def filled(budget=12, **options):
    memory = ExemplarMemory(budget, features=identity, **options)
    memory.update(*old_data())
    return memory


def content(memory):
    return [part.tolist() for part in (*memory.arrays(), memory.ids)]


class Batches(keras.utils.PyDataset):
    def __init__(self, x, y, size=24, **options):
        super().__init__(**options)
        self.x, self.y, self.size = x, y, size

    @property
    def num_batches(self):
        return -(-len(self.x) // self.size)

    def __getitem__(self, index):
        part = slice(index * self.size, (index + 1) * self.size)
        return self.x[part], self.y[part]


def as_py_dataset(x, y, size=24):
    return Batches(x, y, size)


def as_tf_data(x, y, size=24):
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(size)


def as_loader(x, y, size=24):
    torch = pytest.importorskip("torch")
    data = torch.utils.data.TensorDataset(
        torch.from_numpy(x), torch.from_numpy(y)
    )
    return torch.utils.data.DataLoader(data, batch_size=size)


def as_generator(x, y, size=24):
    return ((x[i : i + size], y[i : i + size]) for i in range(0, len(x), size))


def as_arrays(x, y, size=24):
    return x, y


ROUTES = [as_arrays, as_py_dataset, as_tf_data, as_loader, as_generator]


def numpy_batches(mixed):
    """One epoch, read in the way that `fit` reads it."""
    if hasattr(mixed, "on_epoch_begin"):
        mixed.on_epoch_begin()
        batches = [mixed[i] for i in range(mixed.num_batches)]
        mixed.on_epoch_end()
    else:
        batches = list(mixed)
    return [(np.asarray(x), np.asarray(y)) for x, y in batches]
