"""Small classifiers of Gaussian clouds, shared by the tests of models."""

import functools
import json

import keras
import numpy as np
from keras import layers
from keras import ops

from keras_incremental.models import IncrementalClassifier

DIM = 8
NAMES = ("cat", "dog", "bird", "fish", "frog")
CENTRES = 3 * np.eye(len(NAMES), DIM, dtype="float32") + 2


def samples(classes, count=30, seed=0):
    """Gaussian clouds, one around a corner for each class, and indices."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(classes, count)
    noise = generator.normal(size=(len(labels), DIM))
    return (CENTRES[labels] + noise).astype("float32"), labels


def trained_model(classes=(0, 1), **last):
    model = _model(classes, **last)
    model.set_weights(_trained_weights(classes, **last))
    keras.utils.set_random_seed(1)
    return model


@functools.lru_cache
def _trained_weights(classes, **last):
    model = _model(classes, **last)
    model.fit(*samples(classes), epochs=20, verbose=0)
    return model.get_weights()


def _model(classes, **last):
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((DIM,)),
            layers.Dense(16, activation="relu", trainable=False),
            layers.Dense(len(classes), **last),
        ]
    )
    # On all backends the same features, which lose nothing.
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(DIM, DIM)))[0]
    kernel = np.concatenate([basis, -basis], axis=1) / 2
    head = np.zeros((16, len(classes)))
    model.set_weights([kernel, np.zeros(16), head, np.zeros(len(classes))])
    from_logits = "activation" not in last
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    return model


def classifier(memory=None, remembered=True, **last):
    result = IncrementalClassifier(trained_model(**last), NAMES[:2], memory)
    if remembered:
        result.remember(*samples([0, 1]))
    return result


def make(recipe, trainable=False):
    """A classifier with a recipe that has seen samples of two classes."""
    model = trained_model()
    model.layers[0].trainable = trainable
    clf = IncrementalClassifier(model, NAMES[:2], recipe=recipe)
    clf.remember(*samples([0, 1]))
    return clf


def learn(clf, new, seed=3, **options):
    x, y = samples(new, seed=seed)
    names = [NAMES[i] for i in new]
    options = {"verbose": 0, "epochs": 5, "batch_size": 64, **options}
    return clf.learn(x, [NAMES[i] for i in y], names, **options)


def state_of(clf):
    """Everything that a failed update must leave as it was."""
    memory = clf.memory
    return {
        "weights": [ops.convert_to_numpy(w).copy() for w in clf.weights],
        "classes": clf.classes,
        "phases": clf.num_phases,
        "groups": clf.head.group_sizes,
        "count": clf.statistics.counts.tolist(),
        "memory": None if memory is None else memory.arrays(),
        "slots": [ops.convert_to_numpy(v) for v in clf.optimizer.variables],
        "compile": json.dumps(clf.get_compile_config(), default=str),
        "trainable": [v.trainable for v in clf.variables],
    }


def assert_same_state(a, b):
    for name in ("classes", "phases", "groups", "count", "trainable"):
        assert a[name] == b[name], name
    assert a["compile"] == b["compile"]
    for name in ("weights", "slots"):
        assert len(a[name]) == len(b[name]), name
        for x, y in zip(a[name], b[name], strict=True):
            np.testing.assert_array_equal(x, y)
    if a["memory"] is not None:
        for x, y in zip(a["memory"], b["memory"], strict=True):
            np.testing.assert_array_equal(x, y)


VALIDATION = samples(range(3), seed=9)
