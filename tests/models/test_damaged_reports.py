import random

import pytest
from hostile import X
from hostile import Y
from hostile import make_classifier

from keras_incremental.errors import DamagedFileError
from keras_incremental.reporting import PhaseReport


@pytest.fixture(scope="module")
def report():
    return make_classifier().learn(
        X[:4], classes=["fish"], epochs=1, verbose=0, validation_data=(X, Y)
    )


def test_a_flipped_bit_of_a_report_is_noticed(report):
    data = report.to_json().encode()
    generator = random.Random(0)
    for place in generator.sample(range(len(data)), 300):
        flipped = bytearray(data)
        flipped[place] ^= 1 << generator.randrange(7)
        try:
            again = PhaseReport.from_json(bytes(flipped))
            assert again.to_json() == report.to_json()
        except DamagedFileError as error:
            assert "JSON of PhaseReport is damaged" in str(error)


@pytest.mark.parametrize(
    "field, value",
    [
        ("format", 3),
        ("phase", True),
        ("accepted", 1),
        ("classes", "cat"),
        ("classes", [1, 2]),
        ("confusion_after", {}),
        ("confusion_after", None),
        ("confusion_before", None),
        ("history", []),
        ("per_class", {"cat": 3}),
        ("seconds", "1e300"),
    ],
)
def test_values_of_another_type_are_no_report(field, value, report):
    values = {**report.to_dict(), field: value}
    with pytest.raises((ValueError, TypeError)):
        PhaseReport.from_dict(values)


@pytest.mark.parametrize("text", ["", "[" * 10**5, "[]", "null", "{}", "NaN"])
def test_text_that_is_no_report_is_one_class_of_error(text):
    with pytest.raises(DamagedFileError, match="JSON of PhaseReport"):
        PhaseReport.from_json(text)


def test_numbers_that_are_not_finite_are_read_as_such(report):
    numbers = {"calibration": {"old": None}, "stages": {"fit": None}}
    again = PhaseReport.from_dict({**report.to_dict(), **numbers})
    assert "old nan %" in str(again)
    assert "nan s" in again.to_html()
    assert PhaseReport.from_json(again.to_json()).to_dict() == again.to_dict()
