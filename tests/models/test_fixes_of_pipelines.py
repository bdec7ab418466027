"""What the calls of a classifier refuse to read is taken once it is mended."""

import functools

import keras
import numpy as np
import pytest
from kinds_of_data import as_tf_data
from kinds_of_data import batches_of

from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.models import IncrementalClassifier

NAMES = ["cat", "dog"]
X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
Y = np.arange(12) % 2


def make():
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(3, trainable=False),
            keras.layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, run_eagerly=True)
    return IncrementalClassifier(model, NAMES)


def mix(clf, data, **options):
    memory = ExemplarMemory(4, selection="random")
    memory.update(X, Y)
    return memory.mix(data, **options)


CALLS = {
    "remember": lambda clf, x, **o: clf.remember(x, **o),
    "learn": lambda clf, x, **o: clf.learn(
        x, classes=["bird", "cow"], verbose=0, **o
    ),
    "observe": lambda clf, x, **o: clf.observe(
        x, classes=NAMES, verbose=0, **o
    ),
    "evaluate": lambda clf, x, **o: clf.evaluate(x, verbose=0, **o),
    "evaluate_classes": lambda clf, x, **o: clf.evaluate_classes(x, **o),
    "predict_names": lambda clf, x, **o: clf.predict_names(x, **o),
    "review": lambda clf, x, **o: clf.review(x, threshold=0.0, **o),
    "mix": mix,
    "fit": lambda clf, x, **o: clf.fit(x, shuffle=False, verbose=0, **o),
}


@pytest.mark.parametrize("call", CALLS)
def test_data_without_an_end_is_taken_with_one(call):
    endless = as_tf_data(X, Y).repeat()
    clf = make()
    name = "steps_per_epoch" if call == "fit" else "steps"
    fix = f"`{name}`, the number of batches.*dataset.take"
    if call == "mix":
        fix = "dataset.take"
    with pytest.raises(ValueError, match=f"has no end.*{fix}"):
        CALLS[call](clf, endless)
    assert clf.classes == tuple(NAMES)
    CALLS[call](make(), endless.take(3))
    CALLS[call](clf, endless, **{name: 3})


@pytest.mark.parametrize("call", ["fit", "evaluate"])
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_what_a_function_returns_is_taken(call):
    function = functools.partial(batches_of, (X, Y))
    clf = make()
    with pytest.raises(TypeError, match="Call it, and pass what it returns"):
        CALLS[call](clf, function)
    CALLS[call](clf, function())
