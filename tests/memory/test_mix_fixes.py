"""What `mix` refuses, and what it is told to be given instead."""

import numpy as np
import pytest
from kinds_of_data import Batches

from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.data import to_indices

X = np.arange(12, dtype="float32")[:, None]
Y = 2 + np.arange(12) % 2
KNOWN = ["cat", "dog", "bird", "fish"]
NAMES = np.array(KNOWN)[Y]


def of_names():
    return X, NAMES


def in_numbers(x, names):
    return x, to_indices(names, KNOWN, KNOWN)


def in_processes():
    return (Batches((X, Y), workers=2, use_multiprocessing=True),)


def in_threads(dataset):
    dataset.use_multiprocessing = False
    return (dataset,)


def with_ids():
    tf = pytest.importorskip("tensorflow")
    parts = {"id": np.arange(12), "image": X, "label": Y}
    return (tf.data.Dataset.from_tensor_slices(parts).batch(4),)


def of_old_parts(dataset):
    return (dataset.map(lambda each: (each["image"], each["label"])),)


CASES = {
    "names": (of_names, "to_indices", in_numbers),
    "processes": (in_processes, "use_multiprocessing=False", in_threads),
    "ids": (with_ids, "Prepare the new data like the old", of_old_parts),
}


@pytest.mark.parametrize("case", CASES)
def test_the_fix_of_what_mix_refuses_works(case):
    make, message, fix = CASES[case]
    memory = ExemplarMemory(4, features=lambda x: x)
    memory.update(X, Y % 2)
    data = make()
    with pytest.raises((TypeError, ValueError), match=message):
        memory.mix(*data)
    batches = list(memory.mix(*fix(*data)))
    labels = np.concatenate([np.asarray(y) for _, y in batches])
    assert sorted(labels[labels > 1]) == sorted(Y)
    assert set(labels[labels < 2]) == {0, 1}
