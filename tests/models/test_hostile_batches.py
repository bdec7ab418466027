import keras
import numpy as np
import pytest
from hostile import Batches
from hostile import X
from hostile import Y
from hostile import refused
from hostile import spoilt

from keras_incremental.data import source

NEW = ["fish", "frog"]
TENSORFLOW = keras.config.backend() == "tensorflow"


def spent():
    iterator = iter([(X, Y)])
    list(iterator)
    return iterator


def failing():
    yield X, Y
    raise OSError("the disk is gone")


WEIGHTS = "Sample weights are not supported"
LABELED = "All batches must have labels, or none"
BATCHED = "must come in batches"

BATCH_CASES = {
    "an exhausted generator": (spent, ValueError, "`x` is empty", "anew"),
    "a failing generator": (failing, OSError, "the disk is gone"),
    "a failing PyDataset": (
        lambda: Batches((X, Y), num_batches=3),
        OSError,
        "the disk is gone",
    ),
    "an endless PyDataset": (
        lambda: Batches((X, Y), endless=True),
        ValueError,
        "`x` has no end",
        "steps=None",
        "Pass `steps`",
    ),
    "an empty PyDataset": (lambda: Batches(), ValueError, "`x` is empty"),
    "sample weights": (
        lambda: Batches((X, Y, Y)),
        ValueError,
        WEIGHTS,
        "x (batch 0)",
        "Give (x, y) only",
    ),
    "sample weights beside arrays": (
        lambda: (X, Y, Y),
        ValueError,
        WEIGHTS,
        "Received: x",
        "Give (x, y) only",
    ),
    "labels in some batches": (
        lambda: iter([(X, Y), X]),
        ValueError,
        LABELED,
        "x (batch 1) without labels",
    ),
    "pictures of several shapes": (
        lambda: Batches((X, Y), (X[:, :3], Y)),
        ValueError,
        "All samples must have one shape",
        "x (batch 1) with (3,) after (4,)",
        "Resize them",
    ),
    "labels of several forms": (
        lambda: Batches((X, Y), (X, np.eye(2)[Y])),
        ValueError,
        "All labels must have one form",
        "y of x (batch 1) with shape (12, 2)",
        "Convert all labels",
    ),
    "names after numbers": (
        lambda: iter([(X, Y), (X, NEW * 6)]),
        ValueError,
        "All labels must have one form",
        "dtype <U4",
        "Convert all labels",
    ),
    "too few labels": (
        lambda: Batches((X, Y[:3])),
        ValueError,
        "one label in `y` for each sample",
        "12 samples and 3 labels in x (batch 0)",
        "Check",
    ),
    "NaN in a later batch": (
        lambda: Batches((X, Y), (spoilt(np.nan), Y)),
        ValueError,
        "`x` contains values that are NaN or infinite",
        "x[15]",
        "Remove these rows",
    ),
    "-1 in a later batch": (
        lambda: Batches((X, Y), (X, -Y)),
        ValueError,
        "`y` contains labels outside the classes",
        "[-1] (first at y[13])",
        "missing label",
    ),
    "single examples": (
        lambda: iter([(X[0], 0)]),
        ValueError,
        BATCHED,
        "x (batch 0)",
        "Batch it first",
    ),
    "several inputs": (
        lambda: Batches(((X, X), Y)),
        ValueError,
        "one array of samples of shape (4,)",
        "`x` with the parts {'[0]': (4,), '[1]': (4,)}",
        "Pass the array alone",
    ),
    "inputs by name": (
        lambda: Batches(({"a": X, "b": X}, Y)),
        ValueError,
        "one array of samples of shape (4,)",
        "`x` with the parts {'a': (4,), 'b': (4,)}",
        "Pass the array alone",
    ),
    "nothing": (lambda: Batches(None), TypeError, "`x (batch 0)`", "None"),
}


@pytest.mark.parametrize("case", BATCH_CASES)
def test_bad_batches_are_refused(case):
    make, error, *parts = BATCH_CASES[case]
    with refused(error, *parts) as clf:
        clf.learn(make(), classes=NEW)


def test_labels_beside_a_data_set_are_refused():
    parts = ("`y` must not be passed", "Batches and y of type", "Drop `y`")
    with refused(ValueError, *parts) as clf:
        clf.learn(Batches((X, Y)), Y, NEW)


def test_a_generator_without_an_end_is_refused(monkeypatch):
    def endless():
        while True:
            yield X, Y

    monkeypatch.setattr(source, "MAX_BYTES", 1000)
    parts = ("`x` does not fit into 1000 bytes", "Pass `steps`")
    with refused(ValueError, *parts) as clf:
        clf.learn(endless(), classes=NEW)


STEP_CASES = {
    "zero": (0, "steps=0"),
    "negative": (-1, "steps=-1"),
    "half": (1.5, "steps=1.5"),
    "bool": (True, "steps=True"),
}


@pytest.mark.parametrize("case", STEP_CASES)
def test_bad_steps_are_refused(case):
    steps, received = STEP_CASES[case]
    with refused(ValueError, "`steps` must be an integer", received) as clf:
        clf.learn(X, classes=["fish"], steps=steps)


@pytest.mark.parametrize("data", [Batches((X, Y)), (X, Y), iter([(X, Y)])])
def test_data_that_ends_before_its_steps_is_refused(data):
    parts = ("`x` ends after 1 batches", "steps=5", "Pass steps=1")
    with refused(ValueError, *parts) as clf:
        clf.learn(data, classes=NEW, steps=5)


def tf_data(*parts, batch=4):
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices(parts)
    return data.batch(batch) if batch else data


TF_CASES = {
    "unbatched": (
        lambda: tf_data(X, Y, batch=None),
        {},
        "`x` must yield batches",
        "[(4,), ()]",
        "Pass `x.batch(32)`",
    ),
    "endless": (
        lambda: tf_data(X, Y).repeat(),
        {},
        "`x` has no end",
        "steps=None",
        "Pass `steps`",
    ),
    "too short": (
        lambda: tf_data(X, Y),
        {"steps": 9},
        "`x` ends after 3 batches",
        "steps=9",
        "Pass steps=3",
    ),
    "too short, of unknown length": (
        lambda: tf_data(X, Y).filter(lambda x, y: True),
        {"steps": 9},
        "`x` ends after 3 batches",
        "steps=9",
        "Pass steps=3",
    ),
    "empty": (lambda: tf_data(X, Y).take(0), {}, "`x` is empty", "Check"),
    "all filtered away": (
        lambda: tf_data(X, Y).filter(lambda x, y: False),
        {},
        "`x` is empty",
        "tf.data with 0 batches",
        "filter",
    ),
    "sample weights": (lambda: tf_data(X, Y, Y), {}, WEIGHTS, "Give (x, y)"),
    "labels outside": (
        lambda: tf_data(X, Y + 5),
        {},
        "`y` contains labels outside",
        "[5, 6]",
        "Number the classes",
    ),
}


@pytest.mark.skipif(not TENSORFLOW, reason="tf.data")
@pytest.mark.parametrize("case", TF_CASES)
def test_bad_tf_data_is_refused(case):
    make, options, *parts = TF_CASES[case]
    with refused(ValueError, *parts) as clf:
        clf.learn(make(), classes=NEW, **options)
