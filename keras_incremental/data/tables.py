"""Tables and columns of pandas, as arrays. Nothing of pandas is imported."""

import math
from typing import Any

import numpy as np


def as_array(value: Any) -> Any:
    """Returns a table, or a column of one, as an array.

    Columns of several dtypes of numbers, and those in which numbers may be
    missing, become floats; what is missing is NaN there, and `None` among
    strings.

    Args:
        value: `DataFrame`, `Series`, `Index` or `Categorical` of pandas, or
            of a library with the same method `to_numpy`. Anything else is
            returned as it is.
    """
    if not hasattr(value, "to_numpy"):
        return value
    array = np.asarray(value)
    if array.dtype.kind != "O":
        return array
    entries = [None if _is_missing(e) else e for e in array.ravel().tolist()]
    numbers = all(isinstance(e, (int, float, type(None))) for e in entries)
    result = np.empty(len(entries), "float64" if numbers else object)
    result[:] = entries
    return result.reshape(array.shape)


def class_names(labels: Any) -> list[str] | None:
    """Returns the names of the columns of a table of labels.

    Args:
        labels: Labels of any form. A table has names if it has more than one
            column, each named by a string, as `pandas.get_dummies` makes it.

    Returns:
        List of strings, or `None`.
    """
    names = list(getattr(labels, "columns", ()))
    named = len(names) > 1 and all(isinstance(name, str) for name in names)
    return names if named else None


def _is_missing(entry):
    if isinstance(entry, float):
        return math.isnan(entry)
    return entry is None or type(entry).__name__ in ("NAType", "NaTType")
