import keras
import numpy as np
import pytest
from hostile import Batches
from hostile import X
from hostile import Y
from hostile import plain_model
from hostile import refused

from keras_incremental.models import IncrementalClassifier

NEW = ["fish", "frog"]
OUTSIDE = "`y` contains labels outside the classes. Received: "
ONE = "`y` must have exactly one 1 in each row"
EACH = "`y` must hold one label for each sample"
NUMBER = "Number the classes from 0"

LABEL_CASES = {
    "halves": (Y + 0.5, ValueError, OUTSIDE, "[0.5, 1.5]", NUMBER),
    "NaN": (np.where(Y, np.nan, 0), ValueError, OUTSIDE, "[nan]", NUMBER),
    "infinity": (np.where(Y, np.inf, 0), ValueError, OUTSIDE, "[inf]", NUMBER),
    "-1": (-Y, ValueError, OUTSIDE, "[-1] (first at y[1])", "missing label"),
    "255": (np.uint8(Y * 255), ValueError, OUTSIDE, "[255]", "missing label"),
    "too large": (Y + 1, ValueError, OUTSIDE, "[2]", "0 = 'fish', 1 = 'frog'"),
    "huge": (Y * 1e300, ValueError, OUTSIDE, "[1e+300]", NUMBER),
    "beyond int64": (
        np.full(12, 2**64 - 1, "uint64"),
        ValueError,
        OUTSIDE,
        "[1.84467e+19]",
        NUMBER,
    ),
    "one-hot of the old width": (
        np.eye(3)[Y],
        ValueError,
        "`y` is one-hot of width 3, but there are 2 classes",
        "y.shape=(12, 3)",
        "Pass integers",
    ),
    "one-hot of all classes": (
        np.eye(5)[Y + 3],
        ValueError,
        "`y` is one-hot of width 5, but there are 2 classes",
        "y.shape=(12, 5)",
        "Pass integers",
    ),
    "soft": (
        np.full((12, 2), 0.5),
        ValueError,
        ONE,
        "y[0]=[0.5, 0.5]",
        "argmax",
    ),
    "several at once": (
        np.ones((12, 2)),
        ValueError,
        ONE,
        "y[0]=[1.0, 1.0]",
        "argmax",
    ),
    "unknown names": (
        ["fish", "forg"] * 6,
        ValueError,
        "`y` contains names that are not among the classes",
        "['forg']",
        "Correct the spelling",
    ),
    "names and numbers": (
        ["fish", 3] * 6,
        ValueError,
        "`y` contains names that are not among the classes",
        "['3']",
        "Correct the spelling",
    ),
    "names and nothing": (
        ["fish", None] * 6,
        TypeError,
        "`y` must hold numbers or strings",
        "NoneType items",
        "Convert it",
    ),
    "one name": ("fish", TypeError, EACH, "y='fish'", "name it in `classes`"),
    "one number": (1, TypeError, EACH, "y=1", "name it in `classes`"),
    "too few": (Y[:5], ValueError, "`y`", "12 samples and 5 labels", "Check"),
    "none at all": ([], ValueError, "`y`", "12 samples and 0 labels", "Check"),
    "missing": (None, ValueError, "`y` is missing", "'frog']", "Pass labels"),
    "a dict": ({"a": Y}, TypeError, "`y` must be one array", "a dict", "Join"),
    "complex": (
        Y + 1j,
        TypeError,
        "`y` must hold integers or class names",
        "complex128",
        "Number the classes",
    ),
    "dates": (
        Y.astype("datetime64[D]"),
        TypeError,
        "`y` must hold integers or class names",
        "datetime64",
        "Number the classes",
    ),
    "a map": (
        np.zeros((12, 2, 2)),
        ValueError,
        "`y` must have the shape (n,)",
        "y.shape=(12, 2, 2)",
        "Pass one class for each row",
    ),
    "ragged": (
        [[0], [0, 1]] * 6,
        TypeError,
        "`y` must be one array",
        "items differ in shape",
    ),
}


@pytest.mark.parametrize("case", LABEL_CASES)
def test_bad_labels_are_refused(case):
    y, error, *parts = LABEL_CASES[case]
    with refused(error, *parts) as clf:
        clf.learn(X, y, NEW)


KNOWN_CASES = {
    "too large": (Y + 2, ValueError, OUTSIDE, "[3]", "2 = 'bird'"),
    "-1": (Y - 1, ValueError, OUTSIDE, "[-1]", "missing label"),
    "NaN": (np.where(Y, np.nan, 0), ValueError, OUTSIDE, "[nan]", NUMBER),
    "one-hot of the old width": (
        np.eye(2)[Y],
        ValueError,
        "`y` is one-hot of width 2, but there are 3 classes",
        "y.shape=(12, 2)",
        "Pass integers",
    ),
    "unknown names": (
        ["dog", "cow"] * 6,
        ValueError,
        "`y` contains names",
        "['cow']",
        "Correct the spelling",
    ),
}


@pytest.mark.parametrize(
    "method", ["remember", "evaluate_classes", "fit", "evaluate"]
)
@pytest.mark.parametrize("case", KNOWN_CASES)
def test_labels_outside_the_known_classes_are_refused(method, case):
    y, error, *parts = KNOWN_CASES[case]
    with refused(error, *parts) as clf:
        getattr(clf, method)(X, y)


@pytest.mark.parametrize("method", ["remember", "evaluate_classes"])
def test_classes_that_are_not_known_yet_are_refused(method):
    parts = ("['fish'] are not known yet", "Known classes:", "by `learn`")
    with refused(ValueError, *parts) as clf:
        getattr(clf, method)(X, classes=["fish"])


@pytest.mark.parametrize("method", ["remember", "evaluate_classes"])
def test_labels_of_old_data_must_not_be_missing(method):
    with refused(ValueError, "`y` is missing", "'bird']", "Pass labels") as clf:
        getattr(clf, method)(X)


@pytest.mark.parametrize("method", ["fit", "evaluate"])
@pytest.mark.parametrize("x", [X, (X, Y), None])
def test_pictures_alone_are_no_data_to_fit(method, x):
    with refused(ValueError, "Received: ") as clf:
        getattr(clf, method)(x)


def tf_data(y):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((X, y)).batch(4)


ROUTES = {
    "arrays": lambda y: {"x": X, "y": y},
    "a PyDataset": lambda y: {"x": Batches((X, y))},
    "an iterator": lambda y: {"x": iter([(X, y)])},
}
if keras.config.backend() == "tensorflow":
    ROUTES["tf.data"] = lambda y: {"x": tf_data(y)}


@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed")
@pytest.mark.parametrize("method", ["fit", "evaluate"])
@pytest.mark.parametrize("route", ROUTES)
def test_labels_outside_the_head_are_never_nan_under_xla(route, method):
    clf = IncrementalClassifier(plain_model(), ["cat", "dog"])
    clf.compile(
        "adam",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=keras.config.backend() != "torch",
    )
    before = clf.get_weights()
    with pytest.raises(Exception, match=r"outside the classes.*\[4, 5\]"):
        getattr(clf, method)(**ROUTES[route](Y + 4), verbose=0)
    for old, new in zip(before, clf.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
