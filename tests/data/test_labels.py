import keras
import numpy as np
import pytest

from keras_incremental.data import check_class_names
from keras_incremental.data import check_labels
from keras_incremental.data import to_indices

KNOWN = ["cat", "dog", "bird"]


@pytest.mark.parametrize(
    "y",
    [
        [1, 0, 1],
        np.array([1, 0, 1], "uint8"),
        np.array([1.0, 0.0, 1.0]),
        np.array([True, False, True]),
        np.array([[1], [0], [1]]),
        np.array([[0, 1], [1, 0], [0, 1]]),
        np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]], "float32"),
        ["bird", "dog", "bird"],
        np.array(["bird", "dog", "bird"]),
        np.array([b"bird", b"dog", b"bird"]),
        np.array(["bird", b"dog", "bird"], dtype=object),
        np.array([["bird"], ["dog"], ["bird"]]),
    ],
)
def test_labels_of_any_form_become_indices_of_the_known(y):
    result = to_indices(y, ["dog", "bird"], KNOWN)
    assert result.dtype == np.int64
    np.testing.assert_array_equal(result, [2, 1, 2])


def test_tensors_of_the_backend_are_labels():
    y = keras.ops.convert_to_tensor([0, 1])
    np.testing.assert_array_equal(to_indices(y, ["dog", "bird"], KNOWN), [1, 2])


def test_a_folder_with_only_the_new_class_gets_its_own_index():
    np.testing.assert_array_equal(to_indices([0, 0], ["bird"], KNOWN), [2, 2])


def test_to_categorical_of_only_the_new_class_is_understood():
    y = keras.utils.to_categorical([0, 0], 1)
    np.testing.assert_array_equal(to_indices(y, ["bird"], KNOWN), [2, 2])


def test_names_are_compared_in_one_unicode_form():
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    assert check_class_names([decomposed]) == (composed,)
    np.testing.assert_array_equal(
        to_indices([decomposed], [composed], [composed]), [0]
    )


@pytest.mark.parametrize(
    "y, message",
    [
        ([0, 2], r"outside the classes. Received: \[2\] \(first at y\[1\]"),
        ([0, 2], r"\[0, 2\): 0 = 'dog', 1 = 'bird'"),
        ([-1, 0], r"\[-1\].*say what a missing label"),
        (np.array([255], "uint8"), r"\[255\]"),
        ([0.5, 1.0], r"\[0.5\]"),
        ([np.nan, 1.0], r"\[nan\]"),
        ([np.inf], r"\[inf\]"),
        ([[1, 0, 0]], "one-hot of width 3, but there are 2"),
        ([[0.7, 0.3]], r"exactly one 1 in each row. Received: y\[0\]"),
        ([[1, 1]], "exactly one 1"),
        (["bird", "Dog"], r"not among the classes given. Received: \['Dog'\]"),
        (3, "one label for each row"),
        ([], "one label for each row"),
        (np.zeros((2, 2, 2)), r"shape \(n,\)"),
    ],
)
def test_a_wrong_label_is_named(y, message):
    with pytest.raises(ValueError, match=message):
        to_indices(y, ["dog", "bird"], KNOWN)


@pytest.mark.parametrize(
    "y, message",
    [
        ([[0], [0, 1]], "items differ in shape"),
        ([None, 1], "NoneType items"),
        (np.array([1j]), "complex128"),
        (np.array(["2020-01-01"], "datetime64[D]"), "datetime64"),
        (None, "must be an array"),
        ({"a": [1]}, "a dict with keys"),
    ],
)
def test_what_is_not_a_label_is_refused(y, message):
    with pytest.raises(TypeError, match=message):
        to_indices(y, ["dog", "bird"], KNOWN)


def test_names_unknown_to_the_model_are_refused():
    with pytest.raises(ValueError, match=r"\['fish'\] are not known"):
        to_indices([0], ["fish"], KNOWN)


@pytest.mark.parametrize(
    "names, error, message",
    [
        ("bird", TypeError, r"Pass \['bird'\]"),
        ([1, 2], TypeError, r"must be strings. Received: \[1, 2\]"),
        ([], ValueError, "non-empty"),
        (["a", " "], ValueError, "non-empty"),
        (["a", "b", "a"], ValueError, r"\['a'\] more than once"),
        (["caf\u00e9", "cafe\u0301"], ValueError, "more than once"),
        (["cat"], ValueError, r"\['cat'\] are already known"),
    ],
)
def test_bad_class_names_are_refused(names, error, message):
    with pytest.raises(error, match=message):
        check_class_names(names, known=KNOWN)


def test_global_labels_come_back_sparse():
    np.testing.assert_array_equal(check_labels([[0, 1], [1, 0]], 2), [1, 0])
    np.testing.assert_array_equal(check_labels([[2], [0]], 3), [2, 0])
    assert check_labels(np.ones((2, 4, 4)), 2).shape == (2, 4, 4)


def test_one_hot_maps_become_label_maps():
    y = keras.utils.to_categorical([[0, 1], [2, 2]], 3)
    np.testing.assert_array_equal(check_labels(y, 3), [[0, 1], [2, 2]])


def test_only_the_ignored_label_may_lie_outside():
    y = np.array([[0, 255], [1, 255]])
    np.testing.assert_array_equal(check_labels(y, 2, ignore_class=255), y)
    with pytest.raises(ValueError, match=r"\[255\].*\[0, 2\)"):
        check_labels(y, 2)
    with pytest.raises(ValueError, match=r"\[7\]"):
        check_labels([255, 7], 2, ignore_class=255)


def test_without_a_width_only_the_form_is_checked():
    np.testing.assert_array_equal(check_labels([7, 900], None), [7, 900])
    with pytest.raises(ValueError, match="integers of 0 or more"):
        check_labels([-1], None)


def test_strings_are_no_global_labels():
    with pytest.raises(TypeError, match="to_indices"):
        check_labels(["cat"], 3)
