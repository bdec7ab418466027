import json

import keras
import numpy as np
import pytest
from hostile import NFC
from hostile import NFD
from hostile import X
from hostile import Y
from hostile import make_classifier
from hostile import refused

from keras_incremental.models import read_class_names
from keras_incremental.utils.formatting import one_line

LIST = "`classes` must be a list of strings"
EMPTY = "`classes` must be non-empty"
TEXT = "`classes` must be strings. Received: "

NAME_CASES = {
    "no name": ([], ValueError, EMPTY, "classes=[]", "Name every class"),
    "an empty name": (["", "fish"], ValueError, EMPTY, "['', 'fish']", "Name"),
    "a blank name": ([" \t"], ValueError, EMPTY, "[' \\t']", "Name every"),
    "a bare string": ("fish", TypeError, LIST, "'fish'", "Pass ['fish']"),
    "bare bytes": (b"fish", TypeError, LIST, "b'fish'", "Pass [b'fish']"),
    "a number": (3, TypeError, LIST, "classes=3", "Pass a list"),
    "a set": ({"fish"}, TypeError, "in the order", "{'fish'}", "Pass a list"),
    "a dict": ({"fish": 0}, TypeError, "in the order", "0}", "Pass a list"),
    "a number in it": ([3, "fish"], TypeError, TEXT, "[3]", "Pass the names"),
    "no class in it": ([None], TypeError, TEXT, "[None]", "Pass the names"),
    "bytes in it": ([b"fish"], TypeError, TEXT, "[b'fish']", "Pass the names"),
    "one name twice": (
        ["fish", "frog", "fish"],
        ValueError,
        "`classes` must differ",
        "['fish'] more than once",
        "Name each class once",
    ),
    "one name in two unicode forms": (
        ["a\u030angstr\u00f6m", "\u00e5ngstro\u0308m"],
        ValueError,
        "`classes` must differ",
        "['\u00e5ngstr\u00f6m'] more than once",
        "(NFC)",
    ),
    "one name with a space behind it": (
        ["fish", "fish "],
        ValueError,
        "`classes` must differ",
        "['fish'] more than once",
    ),
    "half of a surrogate pair": (
        ["fish\ud83d"],
        ValueError,
        "must be valid unicode",
        r"'fish\ud83d'",
        "Read the names as UTF-8",
    ),
    "nothing": (None, ValueError, "`classes` is missing", 'classes=["bird"]'),
}


@pytest.mark.parametrize("case", NAME_CASES)
def test_bad_names_are_refused(case):
    classes, error, *parts = NAME_CASES[case]
    with refused(error, *parts) as clf:
        clf.learn(X, Y, classes)


def test_a_class_without_a_picture_is_refused():
    parts = ("new classes ['frog']", "['fish'] and classes=", "Name only")
    with refused(ValueError, *parts) as clf:
        clf.learn(X, np.zeros(12), ["fish", "frog"])


def test_both_unicode_forms_are_one_known_class():
    clf = make_classifier()
    report = clf.learn(X, [NFC, NFD] * 6, epochs=1, verbose=0)
    assert report.phase_classes == (NFC,)
    report = clf.learn(X, classes=[NFD], epochs=1, verbose=0)
    assert report.phase_classes == (NFC,)
    assert clf.classes == (NFC, "dog", "bird")
    assert set(clf.evaluate_classes(X, [NFD, "dog"] * 6)) == {NFC, "dog"}


def test_names_of_any_script_work(tmp_path):
    names = ["\U0001f426\u200d\u2b1b", "\u9ce5", "\u0928\u092e", 'a/b:"\n\\ {}']
    clf = make_classifier()
    y = np.asarray(names)[np.arange(12) % 4]
    data = (X, y)
    report = clf.learn(X, y, validation_data=data, epochs=1, verbose=0)
    assert report.new_classes == tuple(dict.fromkeys(y.tolist()))
    assert all(one_line(name) in str(report) for name in names)
    assert set(names) <= set(json.loads(report.to_json())["per_class"])
    clf.save(tmp_path / "clf.keras")
    clf.to_keras(tmp_path / "plain.keras")
    loaded = keras.models.load_model(tmp_path / "clf.keras")
    assert loaded.classes == clf.classes
    assert loaded.evaluate_classes(*data) == clf.evaluate_classes(*data)
    for file in ("clf.keras", "plain.keras"):
        assert read_class_names(tmp_path / file) == list(clf.classes)
