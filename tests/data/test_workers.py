"""Batches of a `PyDataset` are read by its workers at the same time."""

import threading

import keras
import numpy as np
import pytest

from keras_incremental.data import as_source


class Together(keras.utils.PyDataset):
    """Gives a batch where as many threads as it has workers ask for one."""

    def __init__(self, workers):
        super().__init__(workers=workers)
        self.barrier = threading.Barrier(workers)

    def __len__(self):
        return 8

    def __getitem__(self, index):
        self.barrier.wait(timeout=5)
        return np.full((2, 3), index, "float32"), np.full(2, index)


@pytest.mark.parametrize("workers", [1, 4])
def test_as_many_batches_are_read_at_once_as_there_are_workers(workers):
    x, y = as_source(Together(workers)).collect()
    assert y.tolist() == [i for i in range(8) for _ in "ab"]
    np.testing.assert_array_equal(x[:, 0], y)
