"""A `PhaseReport` as plain values, and back."""

import dataclasses
import hashlib
import json
import math
import re

import numpy as np

from keras_incremental.errors import DamagedFileError
from keras_incremental.metrics.confusion import ConfusionCells
from keras_incremental.metrics.drop import Drop
from keras_incremental.reporting.value_checks import CELLS
from keras_incremental.reporting.value_checks import CONFUSIONS
from keras_incremental.reporting.value_checks import NUMBERS
from keras_incremental.reporting.value_checks import check_values
from keras_incremental.utils import archives

NAMES = ("classes", "new_classes", "phase_classes")
INDICES = ("flips", "flipped_from", "flipped_to")
AS_THEY_ARE = (
    "phase",
    "accepted",
    "reason",
    "calibration",
    "used",
    "seconds",
    "stages",
    "exemplars",
    "nbytes",
    "history",
    "versions",
    "date",
    "problem",
)
# Format 1 has each confusion matrix whole.
FORMATS, FORMAT = (1, 2), 2
CHECKSUM = "checksum"
SCORES = ("old_score_before", "old_score", "new_score", "score")
TYPES = {
    **dict.fromkeys((*NAMES, *INDICES), (list, tuple)),
    **dict.fromkeys(CONFUSIONS, (list, dict, type(None))),
    **dict.fromkeys(
        (
            "calibration",
            "used",
            "stages",
            "exemplars",
            "nbytes",
            "history",
            "versions",
        ),
        (dict,),
    ),
    **dict.fromkeys(("reason", "date", "problem"), (str,)),
    "accepted": (bool,),
    "phase": (int,),
    "seconds": (int, float),
    "per_class": (dict,),
    "drop": (dict, type(None)),
}
# A raw line break is never inside a string.
LISTS_OF_NUMBERS = re.compile(r"\[\n[-+\d.,eE\snul]*\]")


def to_dict(report):
    """Returns all that a report says, as plain Python values."""
    names = (*AS_THEY_ARE, *NAMES, *SCORES, *INDICES)
    values = {"format": FORMAT}
    values.update({name: getattr(report, name) for name in names})
    values.update({name: _cells(vars(report)[name]) for name in CONFUSIONS})
    values["metric"], values["unit"] = report.scorer.metric, report.scorer.unit
    values["drop"] = report.drop and dataclasses.asdict(report.drop)
    values["per_class"] = {c: _of_class(report, c) for c in report.classes}
    return _plain(values)


def fields_of(values):
    """Returns the fields of the report that `to_dict` wrote.

    Raises:
        ValueError: if something is missing, or of another type.
    """
    # Reports of before have none.
    values = {"calibration": {}, **values}
    needed = (*AS_THEY_ARE, *NAMES, *INDICES, *CONFUSIONS, "drop", "per_class")
    missing = [name for name in needed if name not in values]
    if missing:
        raise ValueError(
            "These are not all the values of a PhaseReport. Missing: "
            f"{missing}. Give what `to_dict` or `to_json` wrote."
        )
    _check_types(values)
    check_values(values)
    drops = {c: _drop(v["drop"]) for c, v in values["per_class"].items()}
    return {
        **{name: values[name] for name in AS_THEY_ARE},
        **{name: _with_nan(values[name]) for name in NUMBERS},
        **{name: tuple(values[name]) for name in NAMES},
        **{name: np.asarray(values[name], int) for name in INDICES},
        **{name: _matrix(values[name]) for name in CONFUSIONS},
        "drop": _drop(values["drop"]),
        "class_drops": {c: d for c, d in drops.items() if d is not None},
    }


def _check_types(values):
    format = values.get("format", FORMAT)
    if isinstance(format, bool) or format not in FORMATS:
        raise ValueError(
            f"Reports of the formats {FORMATS} can be read. Received: "
            f"format={format!r}. Read it with the version of "
            "keras_incremental that wrote it."
        )
    wrong = [
        name
        for name, kinds in TYPES.items()
        if not isinstance(values[name], kinds)
        or (isinstance(values[name], bool) and bool not in kinds)
    ]
    names = [name for key in NAMES for name in values[key]]
    if wrong or not all(isinstance(name, str) for name in names):
        raise TypeError(
            "The values of a PhaseReport have other types. Received: "
            f"{ {name: values[name] for name in wrong or NAMES} }. Give what "
            "`to_dict` or `to_json` wrote."
        )


def dumps(values):
    """Returns JSON text, with one line for each list of numbers."""
    values = json.loads(json.dumps(values, allow_nan=False))
    values[CHECKSUM] = _checksum(values)
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    return LISTS_OF_NUMBERS.sub(lambda found: _on_one_line(found.group()), text)


def read(text):
    """Returns the fields of the report whose values `dumps` wrote.

    Raises:
        DamagedFileError: if the text is not as it was written.
    """
    try:
        values = archives.loads(text)
        found = values.pop(CHECKSUM)
        if found != _checksum(values):
            raise ValueError(f"the checksum is not {found!r}")
        return fields_of(values)
    except archives.DAMAGES as error:
        raise DamagedFileError(None, "JSON of PhaseReport", error) from error


def _checksum(values):
    text = json.dumps(values, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _of_class(report, name):
    drop = report.class_drops.get(name)
    return {
        "before": report.class_score(name, before=True),
        "after": report.class_score(name),
        "support": report.support(name),
        "drop": drop and dataclasses.asdict(drop),
    }


def _with_nan(numbers):
    """Returns numbers as they were before those without value were `None`."""
    return {
        name: math.nan if value is None else value
        for name, value in numbers.items()
    }


def _plain(value):
    """Returns plain values; numbers that are not finite become `None`."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _drop(values):
    if values is None:
        return None
    return Drop(**{k: np.nan if v is None else v for k, v in values.items()})


def _cells(confusion):
    """Returns a matrix, or the dict of its cells that are not 0."""
    if isinstance(confusion, ConfusionCells):
        return dataclasses.asdict(confusion)
    return confusion


def _matrix(rows):
    if isinstance(rows, dict):
        cells = (np.asarray(rows[name], int) for name in CELLS)
        return ConfusionCells(tuple(rows["shape"]), *cells)
    return None if rows is None else np.asarray(rows, int)


def _on_one_line(text):
    return re.sub(r"\s+", " ", text).replace("[ ", "[").replace(" ]", "]")
