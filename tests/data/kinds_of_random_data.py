"""Data sets of each kind that give other samples at each reading."""

import keras
import numpy as np
import pytest
from kinds_of_data import rows_of

Y = np.arange(10) % 2
# Noise is below 1, so the samples still tell their labels.
X = np.repeat(20 * np.arange(10, dtype="float32")[:, None], 8, axis=1)
SIZE = 4


GENERATOR = np.random.default_rng(0)


def noise(shape):
    return GENERATOR.random(shape, dtype="float32")


class RandomBatches(keras.utils.PyDataset):
    def __init__(self, **options):
        super().__init__(**options)
        self.begun = self.ended = 0

    def __len__(self):
        return 3

    def __getitem__(self, index):
        rows = slice(index * SIZE, index * SIZE + SIZE)
        return X[rows] + noise(X[rows].shape), Y[rows]

    def on_epoch_begin(self):
        self.begun += 1

    def on_epoch_end(self):
        self.ended += 1


def random_tf_data(repeat=False):
    tf = pytest.importorskip("tensorflow")
    # As in many scripts. Each iterator then draws the same numbers.
    keras.utils.set_random_seed(1)
    data = tf.data.Dataset.from_tensor_slices((X, Y))
    data = data.map(lambda x, y: (x + tf.random.uniform([8]), y)).batch(SIZE)
    return data.repeat() if repeat else data


def random_loader():
    torch = pytest.importorskip("torch")

    class Rows(torch.utils.data.Dataset):
        def __len__(self):
            return len(X)

        def __getitem__(self, row):
            return X[row] + noise(8), Y[row]

    return torch.utils.data.DataLoader(Rows(), SIZE, shuffle=True)


def random_grain(repeat=False):
    grain = pytest.importorskip("grain")

    def add(row, generator):
        return row[0] + generator.random(8, dtype="float32"), row[1]

    data = grain.MapDataset.source(rows_of((X, Y))).seed(1).random_map(add)
    return (data.repeat() if repeat else data).batch(SIZE)


def random_grain_loader():
    grain = pytest.importorskip("grain")

    class Add(grain.transforms.RandomMap):
        def random_map(self, row, generator):
            return row[0] + generator.random(8, dtype="float32"), row[1]

    rows = rows_of((X, Y))
    return grain.DataLoader(
        data_source=rows,
        sampler=grain.samplers.IndexSampler(len(rows), seed=1),
        operations=[Add(), grain.transforms.Batch(5)],
    )


def random_function():
    return iter([(X + noise(X.shape), Y)])


KINDS = {
    "tf.data": (random_tf_data, {}),
    "tf.data with steps": (random_tf_data, {"steps": 2}),
    "tf.data without an end": (lambda: random_tf_data(True), {"steps": 3}),
    "PyDataset": (RandomBatches, {}),
    "PyDataset of workers": (lambda: RandomBatches(workers=2), {}),
    "DataLoader": (random_loader, {}),
    "Grain MapDataset": (random_grain, {}),
    "Grain MapDataset with steps": (random_grain, {"steps": 2}),
    "Grain IterDataset without an end": (
        lambda: random_grain(True).to_iter_dataset(),
        {"steps": 3},
    ),
    "Grain DataLoader without an end": (random_grain_loader, {"steps": 2}),
    "generator function": (lambda: random_function, {}),
}
