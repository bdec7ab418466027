import numpy as np
import pytest
from hostile import Batches
from hostile import X
from hostile import Y
from hostile import refused
from hostile import spoilt

READS = "The classifier reads samples of shape (4,)"
WEIGHTS = "Sample weights are not supported"
INSIDE = "`validation_data` contains labels outside"
FOUR = "0 = 'caf\u00e9', 1 = 'dog', 2 = 'bird', 3 = 'fish'"
LABELS = "`validation_data` needs labels"

VALIDATION_CASES = {
    "pictures": (X, ValueError, LABELS, "samples only", "Give"),
    "a tuple of one": ((X,), ValueError, LABELS, "samples only", "Give"),
    "no labels": ((X, None), ValueError, LABELS, "samples only", "Give"),
    "batches of pictures": (Batches(X), ValueError, LABELS, "only", "Give"),
    "an empty tuple": ((), ValueError, "validation_data with 0 parts", "Give"),
    "a tuple of four": ((X, Y, Y, Y), ValueError, "with 4 parts", "Give"),
    "sample weights": ((X, Y, Y), ValueError, WEIGHTS, "validation_data"),
    "a path": ("val/", TypeError, "`validation_data`", "'val/'", "Read files"),
    "a share": (0.2, ValueError, "in batches", "`validation_data`", "Batch it"),
    "nothing in it": ((X[:0], Y[:0]), ValueError, "`validation_data` is empty"),
    "too few labels": ((X, Y[:4]), ValueError, "4 labels in `validation_data`"),
    "NaN": ((spoilt(np.nan), Y), ValueError, "validation_data[3]", "Remove"),
    "another width": (
        (X[:, :3], Y),
        ValueError,
        READS,
        "`validation_data` with samples of shape (3,)",
        "Bring",
    ),
    "unknown names": (
        (X, ["dog", "cow"] * 6),
        ValueError,
        "`validation_data` contains names",
        "['cow']",
        "Correct the spelling",
    ),
    "too large": ((X, Y + 3), ValueError, INSIDE, "[4]", FOUR),
    "-1": ((X, Y - 1), ValueError, INSIDE, "[-1]", "missing label"),
    "NaN labels": ((X, Y * np.nan), ValueError, INSIDE, "[nan]", "Number"),
    "one-hot of the old width": (
        (X, np.eye(3)[Y]),
        ValueError,
        "`validation_data` is one-hot of width 3, but there are 4",
        "Pass integers",
    ),
}


@pytest.mark.parametrize("case", VALIDATION_CASES)
def test_bad_validation_data_is_refused(case):
    data, error, *parts = VALIDATION_CASES[case]
    with refused(error, *parts) as clf:
        clf.learn(X, classes=["fish"], validation_data=data)


FIT_CASES = {
    "pictures": (X, ValueError, "Pass samples and labels"),
    "a tuple of one": ((X,), ValueError, "`validation_data` has no labels"),
    "too large": ((X, Y + 2), ValueError, INSIDE, "[3]", "2 = 'bird'"),
    "unknown names": (
        (X, ["dog", "cow"] * 6),
        ValueError,
        "`validation_data` contains names",
        "['cow']",
        "Correct the spelling",
    ),
}


@pytest.mark.parametrize("case", FIT_CASES)
def test_bad_validation_data_of_fit_is_refused(case):
    data, error, *parts = FIT_CASES[case]
    with refused(error, *parts) as clf:
        clf.fit(X, Y, validation_data=data, verbose=0)
