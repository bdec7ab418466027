"""Reports whose confusion matrices are mostly 0."""

import numpy as np
import pytest

from keras_incremental.metrics.confusion import ConfusionCells
from keras_incremental.reporting import PhaseReport


def report(size):
    """One sample of each class, of which one is wrong after the phase."""
    names = tuple(f"class {k}" for k in range(size))
    before = np.eye(size, size - 1, dtype=int)
    after = np.eye(size, dtype=int)
    after[0, :2] = 0, 1
    return PhaseReport(
        names,
        names[-1:],
        names[-1:],
        before,
        after,
        None,
        {},
        {},
        1.0,
        True,
        "",
    )


def test_text_and_memory_grow_with_the_classes_and_not_their_square():
    few, many = report(100), report(1000)
    sizes = [len(made.to_json()) / len(made.classes) for made in (few, many)]
    assert sizes[1] < 1.2 * sizes[0]
    again = PhaseReport.from_json(many.to_json())
    for made in (many, again):
        assert made.after.correct.sum() == 999
        for holder in (made, made.after):
            assert not any(np.size(a) > 5000 for a in vars(holder).values())
    np.testing.assert_array_equal(again.confusion_after, many.confusion_after)
    assert again.to_dict() == many.to_dict() and str(again) == str(many)


@pytest.mark.parametrize("size", [3, 30])
def test_a_report_of_the_version_before_is_read(size):
    made = report(size)
    values = {
        **made.to_dict(),
        "format": 1,
        "confusion_before": made.confusion_before.tolist(),
        "confusion_after": made.confusion_after.tolist(),
    }
    again = PhaseReport.from_dict(values)
    assert again.to_dict() == made.to_dict()
    assert isinstance(vars(again)["confusion_after"], ConfusionCells) == (
        size == 30
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"shape": [10**6, 10**6]},
        {"shape": [30]},
        {"true": []},
        {"true": 30 * [0]},
        {"predicted": [*range(29), 30]},
        {"predicted": [*range(29), -1]},
        {"counts": 30 * [-1]},
        {"counts": "1" * 30},
        {"more": []},
    ],
)
def test_cells_outside_of_a_matrix_are_refused(changed):
    values = report(30).to_dict()
    assert values["confusion_after"]["shape"] == [30, 30]
    values["confusion_after"].update(changed)
    with pytest.raises(ValueError, match="confusion_after"):
        PhaseReport.from_dict(values)
