import pathlib

import numpy as np
import pytest
from hostile import X
from hostile import Y
from hostile import refused
from hostile import spoilt

READS = "The classifier reads samples of shape (4,)"
FINITE = "`x` contains values that are NaN or infinite"
NUMBERS = "`x` must hold numbers"
ARRAY = "`x` must be an array"

PICTURE_CASES = {
    "too many axes": (X[:, :, None], ValueError, READS, "(4, 1)", "Bring"),
    "another width": (X[:, :3], ValueError, READS, "(3,)", "Bring"),
    "one axis": (X[:, 0], ValueError, READS, "shape ()", "Bring"),
    "images": (np.zeros((12, 8, 8, 3)), ValueError, READS, "8, 3)", "Bring"),
    "NaN": (spoilt(np.nan), ValueError, FINITE, "x[3]", "Remove these rows"),
    "inf": (spoilt(-np.inf), ValueError, FINITE, "x[3]", "Remove these rows"),
    "beyond float32": (
        spoilt(1e200, "float64"),
        ValueError,
        FINITE,
        "in float32",
        "x[3]",
        "Remove these rows",
    ),
    "empty": (X[:0], ValueError, "`x` is empty", "(0, 4)", "Check the path"),
    "an empty list": ([], ValueError, "`x` is empty", "(0,)", "Check the path"),
    "nothing": (None, TypeError, ARRAY, "None", "Read files first"),
    "a folder": ("cats/", TypeError, ARRAY, "'cats/'", "Read files first"),
    "a path": (pathlib.Path("cats"), TypeError, ARRAY, "Path", "Read files"),
    "a function": (lambda: X, TypeError, "an array", "<lambda>", "Call it"),
    "a number": (3.0, ValueError, "must come in batches", "`x`", "Batch it"),
    "text": (np.full((12, 4), "a"), TypeError, NUMBERS, "<U1", "Convert it"),
    "dates": (
        X.astype("datetime64[D]"),
        TypeError,
        NUMBERS,
        "datetime64",
        "Convert it",
    ),
    "complex": (X + 1j, TypeError, NUMBERS, "complex", "Convert it"),
    "objects": (
        np.full((12, 4), None),
        TypeError,
        "`x` must hold numbers",
        "NoneType items",
        "Convert it",
    ),
    "numbers as objects": (
        X.astype(object),
        TypeError,
        "`x` must hold numbers",
        "dtype object with float items",
        'astype("float32")',
    ),
    "pictures of several shapes": (
        [np.zeros(4), np.zeros(5)] * 6,
        TypeError,
        "`x` must be one array",
        "items differ in shape",
        "Resize or pad",
    ),
    "several inputs": (
        {"a": X, "b": X},
        ValueError,
        "one array of samples of shape (4,)",
        "`x` with the parts {'a': (4,), 'b': (4,)}",
        "Pass the array alone",
    ),
}


@pytest.mark.parametrize("case", PICTURE_CASES)
def test_bad_pictures_are_refused(case):
    x, error, *parts = PICTURE_CASES[case]
    with refused(error, *parts) as clf:
        clf.learn(x, classes=["fish"])


@pytest.mark.parametrize("method", ["remember", "evaluate_classes"])
def test_bad_pictures_of_old_classes_are_refused(method):
    with refused(ValueError, READS, "`x`", "(3,)", "Bring") as clf:
        getattr(clf, method)(X[:, :3], Y)
    with refused(ValueError, FINITE, "x[3]", "Remove these rows") as clf:
        getattr(clf, method)(spoilt(np.nan), Y)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_sample_without_a_value_has_no_name(value):
    with refused(ValueError, "name no class", "x[3]", "these samples") as clf:
        clf.predict_names(spoilt(value))
