"""Forms of data that users have, in the verbs of a classifier."""

import functools
import re

import keras
import numpy as np
from keras import layers

import keras_incremental as ki

from . import outcomes

NAMES = ["cat", "dog"]
SIZE = 4
X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
Y = np.arange(12) % 2


class Batches(keras.utils.PyDataset):
    """Batches of arrays, as a `PyDataset`."""

    def __init__(self, x, y, **options):
        super().__init__(**options)
        self.batches = batches(x, y)

    @property
    def num_batches(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


def _named_labels(y):
    return np.array([*NAMES, "bird", "cow"])[y]


def batches(x, y):
    starts = range(0, len(x), SIZE)
    return [(x[i : i + SIZE], y[i : i + SIZE]) for i in starts]


def _tf_data(parts):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(parts).batch(SIZE)


def _ids(x):
    return np.array([f"{i:03d}" for i in range(len(x))])


def _grain(rows):
    import grain

    return grain.MapDataset.source(rows).batch(SIZE)


def _grain_loader(x, y):
    import grain

    return grain.DataLoader(
        data_source=list(zip(x, y, strict=True)),
        sampler=grain.samplers.IndexSampler(len(x), num_epochs=1),
        operations=[grain.transforms.Batch(SIZE)],
    )


def _torch_loader(x, y):
    import torch

    rows = list(zip(x, y, strict=True))
    return torch.utils.data.DataLoader(rows, batch_size=SIZE)


def _frame(x, y):
    import pandas

    frame = pandas.DataFrame(x, columns=list("abcd"))
    return frame, pandas.Series(_named_labels(y), dtype="category")


def _ragged(x, y):
    import tensorflow as tf

    lengths = np.where(np.arange(len(x)) % 2, 3, 4)
    return tf.RaggedTensor.from_tensor(x, lengths), y


# Functions of arrays, whose result is passed as `x`, or as `x` and `y`.
PIPELINES = {
    "arrays": lambda x, y: (x, y),
    "lists of rows and of names": lambda x, y: (
        list(x),
        _named_labels(y),
    ),
    "a dict of arrays": lambda x, y: {"image": x, "label": y},
    "a pandas frame, categorical names": _frame,
    "tf.data": lambda x, y: _tf_data((x, y)),
    "tf.data of names": lambda x, y: _tf_data((x, _named_labels(y))),
    "dicts of TFDS, with ids": lambda x, y: _tf_data(
        {"id": _ids(x), "image": x, "label": y}
    ),
    "Grain MapDataset": lambda x, y: _grain(list(zip(x, y, strict=True))),
    "Grain MapDataset of dicts": lambda x, y: _grain(
        [{"image": a, "label": b} for a, b in zip(x, y, strict=True)]
    ),
    "Grain IterDataset": lambda x, y: _grain(
        list(zip(x, y, strict=True))
    ).to_iter_dataset(),
    "Grain DataLoader": _grain_loader,
    "PyDataset": Batches,
    "PyDataset with workers": lambda x, y: Batches(x, y, workers=2),
    "PyDataset with processes": lambda x, y: Batches(
        x, y, workers=2, use_multiprocessing=True
    ),
    "torch DataLoader": _torch_loader,
    "generator": lambda x, y: iter(batches(x, y)),
    "generator function": lambda x, y: lambda: iter(batches(x, y)),
    "list of batches": batches,
    "tf.data without an end": lambda x, y: _tf_data((x, y)).repeat(),
    "ragged": _ragged,
}


def classifier(memory=None):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(5, trainable=False), layers.Dense(2)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    return ki.IncrementalClassifier(model, NAMES, memory)


def _remembered(make):
    clf = classifier(ki.ExemplarMemory(10))
    clf.remember(*make(X, Y), classes=NAMES)
    return [*clf.statistics.means.ravel(), len(clf.memory)]


def _learned(make):
    clf = classifier(ki.ExemplarMemory(10))
    clf.learn(*make(X + 3, Y), classes=NAMES, verbose=0)
    return clf.predict(X, verbose=0)


def _observed(make):
    clf = classifier(ki.Reservoir(10))
    clf.observe(*make(X + 3, Y), classes=NAMES, batch_size=SIZE, verbose=0)
    return clf.predict(X, verbose=0)


def _fitted(make):
    clf, data = classifier(), make(X, Y)
    in_memory = len(data) == 2 or isinstance(data[0], dict)
    options = {"batch_size": SIZE} if in_memory else {}
    clf.fit(*data, shuffle=False, verbose=0, **options)
    return clf.predict(X, verbose=0)


def _evaluated(make):
    return classifier().evaluate(*make(X, Y), verbose=0)


def _evaluated_classes(make):
    scores = classifier().evaluate_classes(*make(X, Y), classes=NAMES)
    return list(scores.values())


def _named(make):
    names = classifier().predict_names(make(X, Y)[0])
    return [NAMES.index(name) for name in names]


def _reviewed(make):
    return classifier().review(make(X, Y)[0], threshold=0.0).indices


def _mixed(make):
    """Labels of the new samples; which exemplars are drawn is random."""
    memory = ki.ExemplarMemory(4, features=lambda x: x)
    memory.update(X, Y)
    mixed = memory.mix(*make(X, Y + 2))
    labels = np.concatenate([np.asarray(y) for _, y in mixed])
    return sorted(labels[labels > 1])


VERBS = {
    "remember": _remembered,
    "learn": _learned,
    "observe": _observed,
    "fit": _fitted,
    "evaluate": _evaluated,
    "evaluate_classes": _evaluated_classes,
    "predict_names": _named,
    "review": _reviewed,
    "mix": _mixed,
}


def tried(name, make):
    """Gives a form of data to each verb, and compares with arrays.

    Args:
        name: String.
        make: Function of arrays `x` and `y`.

    Returns:
        `outcomes.Row`.
    """
    row = outcomes.Row(name)
    for verb, call in VERBS.items():
        try:
            found = call(lambda x, y: _as_tuple(make(x, y)))
        except Exception as error:
            # What is said stands in the list of messages.
            message = re.sub(" at 0x[0-9a-f]+", "", str(error).splitlines()[0])
            row.steps[verb] = f"{type(error).__name__}: {message}"
        else:
            row.steps[verb] = _same(found, _of_arrays(verb))
    return row


@functools.cache
def _of_arrays(verb):
    return VERBS[verb](lambda x, y: (x, y))


def _as_tuple(made):
    return made if isinstance(made, tuple) else (made,)


def _same(found, expected):
    same = np.shape(found) == np.shape(expected) and np.allclose(
        found, expected, atol=1e-5
    )
    return same or "gives something else than arrays"
