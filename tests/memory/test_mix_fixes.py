"""What `mix` refuses, and what it is told to be given instead."""

import numpy as np
import pytest
from kinds_of_data import Batches

from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.data import map_batches
from keras_incremental.data import to_indices

X = np.arange(12, dtype="float32")[:, None]
Y = 2 + np.arange(12) % 2
KNOWN = ["cat", "dog", "bird", "fish"]
NAMES = np.array(KNOWN)[Y]


def of_names():
    return X, NAMES


def in_numbers(x, names):
    return x, to_indices(names, KNOWN, KNOWN)


def in_frame():
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(X), pandas.Series(NAMES, dtype="category")


def of_named_batches():
    tf = pytest.importorskip("tensorflow")
    return (tf.data.Dataset.from_tensor_slices((X, NAMES)).batch(4),)


def in_numbered_batches(dataset):
    def numbered(x, y, sample_weight):
        names = [name.decode() for name in y.tolist()]
        return x, to_indices(names, KNOWN, KNOWN), sample_weight

    def spec(x, y, sample_weight):
        return x, type(y)(y.shape, "int64"), sample_weight

    return (map_batches(dataset, numbered, spec),)


def in_processes():
    return (Batches((X, Y), workers=2, use_multiprocessing=True),)


def in_threads(dataset):
    dataset.use_multiprocessing = False
    return (dataset,)


def of_two_views():
    tf = pytest.importorskip("tensorflow")
    parts = {"left": X, "right": X + 1, "label": Y}
    return (tf.data.Dataset.from_tensor_slices(parts).batch(4),)


def of_old_parts(dataset):
    return (dataset.map(lambda each: (each["left"], each["label"])),)


CASES = {
    "names": (of_names, "to_indices", in_numbers),
    "names in a frame": (in_frame, "to_indices", in_numbers),
    "names in tf.data": (of_named_batches, "to_indices", in_numbered_batches),
    "processes": (in_processes, "use_multiprocessing=False", in_threads),
    "two views": (
        of_two_views,
        "Prepare the new data like the old",
        of_old_parts,
    ),
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
