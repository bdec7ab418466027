"""Checks of the values of a report, before a `PhaseReport` is made of them."""

import math

from keras_incremental.problems.problem import get_problem

CONFUSIONS = ("confusion_before", "confusion_after")
CELLS = ("true", "predicted", "counts")
COUNTS = ("exemplars", "nbytes")
NUMBERS = ("stages", "calibration")
FLIPS = ("flips", "flipped_from", "flipped_to")
DROP_COUNTS, DROP_NUMBERS = ("lost", "gained", "count"), ("value", "error")
MOST = 2**62


def check_values(values):
    """Raises if values of the right types cannot be those of one report.

    Args:
        values: Dict of what a `PhaseReport` consists of.

    Raises:
        ValueError: which names the value.
    """
    found = {name: values[name] for name in _wrong(values)}
    if found:
        raise ValueError(
            "The values of a PhaseReport do not fit each other, or are out of "
            f"range. Received: {found!s:.500}. Give what `to_dict` or "
            "`to_json` wrote."
        )


def _wrong(values):
    classes = values["classes"]
    known, count = set(classes), len(classes)
    sizes = {len(values[name]) for name in FLIPS}
    drops = [_drop_of(entry) for entry in values["per_class"].values()]
    exclusive = get_problem(values["problem"]).scorer.has_confusion
    old = count - len(values["new_classes"])
    measured = {values[name] is None for name in CONFUSIONS}
    fits = {
        "classes": count and len(known) == count and "" not in known,
        "new_classes": known.issuperset(values["new_classes"]),
        "phase_classes": known.issuperset(values["phase_classes"]),
        "per_class": known.issuperset(values["per_class"])
        and all(map(_is_drop, drops)),
        "drop": _is_drop(values["drop"]),
        "phase": _is_count(values["phase"]),
        "seconds": _is_number(values["seconds"]),
        "confusion_before": _is_confusion(
            values["confusion_before"],
            (count, old) if exclusive else (old, 2, 2),
        )
        and len(measured) == 1,
        "confusion_after": _is_confusion(
            values["confusion_after"],
            (count, count) if exclusive else (count, 2, 2),
        ),
        "flips": all(map(_is_count, values["flips"]))
        and (len(sizes) == 1 or not len(values["flips"])),
        "flipped_from": _are_below(count, values["flipped_from"]),
        "flipped_to": _are_below(count, values["flipped_to"]),
        "versions": all(
            isinstance(v, str) for v in values["versions"].values()
        ),
        "used": all(map(_is_plain, values["used"].values())),
        "history": all(map(_are_numbers, values["history"].values())),
        **{n: all(map(_is_count, values[n].values())) for n in COUNTS},
        **{n: _are_numbers([*values[n].values()]) for n in NUMBERS},
    }
    return [name for name, is_right in fits.items() if not is_right]


def _is_number(value):
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and abs(value) < MOST and math.isfinite(value)


def _is_count(value):
    return isinstance(value, int) and _is_number(value) and value >= 0


def _is_plain(value):
    return value is None or isinstance(value, (bool, str)) or _is_number(value)


def _are_numbers(values):
    # What is not finite is `None` in JSON.
    return isinstance(values, (list, tuple)) and all(
        value is None or _is_number(value) for value in values
    )


def _are_below(most, values):
    return all(_is_count(value) and value < most for value in values)


def _drop_of(entry):
    return entry.get("drop", entry) if isinstance(entry, dict) else entry


def _is_drop(drop):
    if drop is None:
        return True
    return (
        isinstance(drop, dict)
        and set(drop) == {*DROP_COUNTS, *DROP_NUMBERS}
        and all(_is_count(drop[name]) for name in DROP_COUNTS)
        and _are_numbers([drop[name] for name in DROP_NUMBERS])
    )


def _is_confusion(rows, shape):
    if isinstance(rows, dict):
        return _are_cells(rows, shape)
    return rows is None or _are_counts(rows, shape)


def _are_cells(cells, shape):
    """Returns whether a dict tells cells of a matrix, each once."""
    if set(cells) != {"shape", *CELLS} or cells["shape"] != list(shape):
        return False
    true, predicted, counts = (cells[name] for name in CELLS)
    return (
        len(shape) == 2
        and all(isinstance(cells[name], (list, tuple)) for name in CELLS)
        and len(true) == len(predicted) == len(counts)
        and _are_below(shape[0], true)
        and _are_below(shape[1], predicted)
        and all(map(_is_count, counts))
        and len({*zip(true, predicted, strict=True)}) == len(counts)
    )


def _are_counts(rows, shape):
    if not shape:
        return _is_count(rows)
    return (
        isinstance(rows, (list, tuple))
        and len(rows) == shape[0]
        and all(_are_counts(row, shape[1:]) for row in rows)
    )
