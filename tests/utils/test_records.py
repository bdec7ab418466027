import numpy as np
import pytest

from keras_incremental.utils import records

A = np.arange(6, dtype="float32").reshape(3, 2)
TEXT = np.array(["a", "bc", ""])


def packed(structure):
    return records.packed(structure, lambda x, _: np.asarray(x), "x")


@pytest.mark.parametrize(
    "structure",
    [
        {"a": A, "b": TEXT},
        (A, TEXT),
        {"a": {"c": A, "d": (A, TEXT)}, "b": A + 1},
    ],
)
def test_what_is_packed_is_unpacked(structure):
    x = packed(structure)
    assert x.shape == (3,)
    back = records.unpacked(x[[2, 0]])
    names = records.names_of(structure)
    assert records.names_of(back) == names
    again = packed(back)
    np.testing.assert_array_equal(again, x[[2, 0]])


def test_an_array_stays_as_it_is():
    assert records.unpacked(A) is A


@pytest.mark.parametrize("key", ["a/b", "[0]", "", 1.5])
def test_a_key_that_looks_like_a_path_is_refused(key):
    with pytest.raises(ValueError, match="Rename it"):
        packed({key: A})


def test_records_are_joined_with_strings_of_any_length():
    parts = [
        packed({"n": A.astype("uint8"), "t": TEXT[:, None]}),
        packed({"n": A, "t": np.array([["long words"]] * 3)}),
    ]
    joined = records.joined(parts)
    assert joined.dtype["n"].base == "float32"
    np.testing.assert_array_equal(joined["n"], np.concatenate([A, A]))
    assert joined["t"][:, 0].tolist() == [*TEXT, *["long words"] * 3]


def test_a_cast_keeps_strings():
    x = packed({"n": A, "t": np.array(["long words"] * 3)})
    y = records.cast(x, packed({"n": A.astype("uint8"), "t": TEXT}).dtype)
    assert y.dtype["n"].base == "uint8"
    assert y["t"].tolist() == ["long words"] * 3


def test_shapes_are_told():
    assert records.describe(A) == "(2,)"
    assert records.describe(packed({"a": A})) == "{'a': (2,)}"
