"""Names of classes, and labels that give a class by its name or place."""

import collections
import unicodedata
from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np

from keras_incremental.data.arrays import to_numpy
from keras_incremental.utils.types import Tensor

SHOWN = 5
# What data sets put where there is no label.
NO_LABEL, IGNORED, VOID = -1, -100, 255


def check_class_names(
    names: Sequence[str], known: Sequence[str] = ()
) -> tuple[str, ...]:
    """Checks class names, and normalizes their spelling.

    Args:
        names: List of non-empty strings. Unicode is compared in its normal
            form (NFC), without spaces at the ends.
        known: Names that must not occur in `names`. Defaults to `()`.

    Returns:
        Tuple of strings.

    Raises:
        TypeError: if `names` is one string, has no order, or contains
            something else than strings.
        ValueError: if a name is empty, repeated, or in `known`.
    """
    names = _listed(names)
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        raise TypeError(
            f"`classes` must be strings. Received: {odd[:SHOWN]} in classes="
            f"{names}. Pass the names of the classes."
        )
    given, names = names, normals(names)
    if not all(names) or not names:
        raise ValueError(
            "`classes` must be non-empty strings, one for each class. "
            f"Received: classes={given}. Name every class."
        )
    _refuse_repeats(names, normals(known))
    return tuple(names)


def normals(names: Iterable[str]) -> list[str]:
    """Returns names in the normal form in which names are compared."""
    return [normal(name) for name in names]


def normal(name: str) -> str:
    """Returns a name in the normal form in which names are compared.

    Raises:
        ValueError: if it has half of a pair of surrogates, which no file,
            page or terminal can show.
    """
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        raise ValueError(
            "Names of classes must be valid unicode. Received: "
            f"{ascii(name)}, with half of a surrogate pair. Read the names as "
            "UTF-8, or name the class anew."
        )
    return unicodedata.normalize("NFC", name).strip()


def refuse_unknown(
    unknown: Sequence[str], names: Sequence[str], argument: str
) -> None:
    """Raises a `ValueError` if labels contain names of no class."""
    if unknown:
        raise ValueError(
            f"`{argument}` contains names that are not among the classes "
            f"given. Received: {unknown[:SHOWN]}. Classes: {list(names)}. "
            "Correct the spelling, or add these names to the classes."
        )


def _listed(names):
    if isinstance(names, (str, bytes)):
        raise TypeError(
            "`classes` must be a list of strings. Received: classes="
            f"{names!r}. Pass [{names!r}]."
        )
    unordered = isinstance(names, (set, frozenset, dict))
    if unordered or not isinstance(names, Iterable):
        raise TypeError(
            "`classes` must be a list of strings, in the order in which "
            f"labels number them. Received: classes={names!r}. Pass a list, "
            'as in ["bird", "fish"].'
        )
    return list(names)


def _refuse_repeats(names, known):
    counts = collections.Counter(names)
    repeated = sorted(name for name, count in counts.items() if count > 1)
    if repeated:
        raise ValueError(
            f"`classes` must differ. Received: {repeated} more than once in "
            f"classes={names}. Name each class once; names are compared in "
            "their composed unicode form (NFC)."
        )
    old = set(known)
    taken = [name for name in names if name in old]
    if taken:
        raise ValueError(
            f"Classes {taken} are already known. Received: classes={names}. "
            f"Known classes: {known}. Leave them out, or choose "
            "other names."
        )


def to_indices(
    y: Tensor,
    names: Sequence[str],
    known: Sequence[str],
    argument: str = "y",
    missing: bool = False,
    axes: int = 0,
) -> np.ndarray:
    """Returns labels of one data set as indices of the model's classes.

    Args:
        y: Labels of shape `(n,)` or `(n, 1)`: integers, floats or booleans
            that number `names`, or strings; or one-hot rows of shape
            `(n, len(names))`.
        names: Class names of this data set, in its own order.
        known: Class names of the model, in the order of its outputs. They
            contain all of `names`.
        argument: Name of `y` in the messages. Defaults to `"y"`.
        missing: Bool. Whether labels may be missing: -1, -100, NaN, or 255
            where there are no so many names, or an empty string. Defaults to
            `False`.
        axes: Int. How many axes of positions labels have: 2 for maps of shape
            `(n, height, width)`, 1 for tokens of shape `(n, time)`. Defaults
            to `0`, one label for each sample.

    Returns:
        Array of int64 of shape `(n,)`, or that of the maps: positions in
        `known`, -1 where a label is missing.

    Raises:
        TypeError: if `y` holds neither numbers nor strings.
        ValueError: if a label is not one of `names`.
    """
    names = normals(names)
    position = {name: index for index, name in enumerate(normals(known))}
    unknown = [name for name in names if name not in position]
    if unknown:
        raise ValueError(
            f"Classes {unknown} are not known to the model. Received: "
            f"names={names}, known={list(known)}. Add them first."
        )
    y = _labels_array(y, argument)
    one_hot = not axes and _is_one_hot_of(y, names)
    if axes:
        y = _as_positions(y, axes, argument)
    elif not one_hot:
        y = _as_column(y, argument)
    given = np.ones(len(y) if one_hot else y.shape, bool)
    if missing and not one_hot:
        given = _given(y, len(names))
    indices = np.full(given.shape, NO_LABEL, "int64")
    if given.any():
        places = np.array([position[name] for name in names], "int64")
        indices[given] = places[_local(y[given], names, argument)]
    return indices


def check_labels(
    y: Tensor,
    num_classes: int | None,
    names: Sequence[str] | None = None,
    argument: str = "y",
    ignore_class: int | None = None,
    sparse: bool | None = None,
) -> np.ndarray:
    """Checks labels that are indices of the outputs of a model.

    Args:
        y: Sparse labels of any rank (maps of labels included), or one-hot
            labels of shape `(..., num_classes)`.
        num_classes: Number of classes, or `None` to check only that labels
            are integers of 0 or more.
        names: Class names, for the messages. Defaults to `None`.
        argument: Name of `y` in the messages. Defaults to `"y"`.
        ignore_class: Label that is always allowed. Defaults to `None`.
        sparse: `True` if `y` is never one-hot, `None` to find out. Defaults
            to `None`.

    Returns:
        Array of int64 of sparse labels; `(n, 1)` becomes `(n,)`.

    Raises:
        TypeError: if `y` does not hold numbers.
        ValueError: if a label is outside the classes.
    """
    y = _labels_array(y, argument)
    if y.dtype.kind == "U":
        raise TypeError(
            f"`{argument}` must hold numbers here. Received: strings such "
            f"as {str(y.ravel()[0])!r}. Turn names into numbers with "
            f"`to_indices({argument}, names, known)`."
        )
    if not sparse and is_one_hot(y):
        _check_width(y, num_classes, names, argument)
        return np.argmax(y, axis=-1).astype("int64")
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    return _check_range(y, num_classes, names, argument, ignore_class)


def _is_one_hot_of(y, names):
    if y.ndim != 2 or y.dtype.kind == "U":
        return False
    return y.shape[1] > 1 or (len(names) == 1 and bool(np.all(y == 1)))


def _local(y, names, argument):
    by = _by_name if y.dtype.kind == "U" else _by_number
    return by(y, names, argument)


def _given(y, num_names):
    """Returns where there is a label."""
    if y.dtype.kind == "U":
        return y != ""
    given = (y != VOID) | (num_names > VOID)
    return given & (y != NO_LABEL) & (y != IGNORED) & ~np.isnan(y)


def _as_positions(y, axes, argument):
    """Returns labels of shape `(n, ...)`, one for each position."""
    if y.ndim == axes + 2 and y.shape[-1] == 1:
        y = y[..., 0]
    if y.ndim == axes + 1 and (axes == 1 or y.dtype.kind != "U"):
        return y
    wanted = {
        1: "have the shape (n, time), because the model classifies tokens",
        2: "be maps of shape (n, height, width) that number the classes, "
        "because the model classifies pixels",
    }
    raise ValueError(
        f"`{argument}` must {wanted[axes]}. Received: {argument}.shape="
        f"{y.shape}, dtype {y.dtype}."
    )


def _by_number(y, names, argument):
    if y.ndim == 2:
        _check_one_hot(y, len(names), names, argument)
        return np.argmax(y, axis=-1)
    return _check_range(y, len(names), names, argument, None)


def _by_name(y, names, argument):
    unique, inverse = np.unique(y, return_inverse=True)
    position = {name: index for index, name in enumerate(names)}
    given = normals(unique.tolist())
    refuse_unknown([n for n in given if n not in position], names, argument)
    local = [position[name] for name in given]
    return np.array(local, "int64")[inverse]


def _check_range(y, num_classes, names, argument, ignore_class):
    with np.errstate(invalid="ignore"):
        values = y.astype("int64")
    bad = values != y
    bad |= values < 0
    if num_classes is not None:
        bad |= values >= num_classes
    if ignore_class is not None:
        bad &= y != ignore_class
    if np.any(bad):
        rows = np.flatnonzero(bad.reshape(len(y), -1).any(axis=1))
        raise ValueError(
            f"`{argument}` contains labels outside the classes. Received: "
            f"{_shown(y[bad])} (first at {argument}[{rows[0]}]). Labels "
            f"must be {_valid(num_classes, names)}. Number the classes "
            "from 0 in the order of their names, or pass the names as "
            "strings; say what a missing label (-1 or 255) means by "
            "`unlabeled` of `learn`, or remove it; add a new class to the "
            "model before training on it."
        )
    return values


def is_one_hot(y: np.ndarray) -> bool:
    """Returns whether labels are rows with a single 1."""
    if y.ndim < 2 or y.shape[-1] < 2:
        return False
    return bool(np.all((y == 0) | (y == 1)) and np.all(y.sum(axis=-1) == 1))


def _check_width(y, num_classes, names, argument):
    if num_classes is not None and y.shape[-1] != num_classes:
        raise ValueError(
            f"`{argument}` is one-hot of width {y.shape[-1]}, but there are "
            f"{num_classes} classes. Received: {argument}.shape={y.shape}; "
            f"labels are {_valid(num_classes, names)}. Pass integers, or "
            f"`to_categorical({argument}, num_classes={num_classes})`."
        )


def _check_one_hot(y, num_classes, names, argument):
    _check_width(y, num_classes, names, argument)
    rows = np.all((y == 0) | (y == 1), axis=1) & (y.sum(axis=1) == 1)
    if not np.all(rows):
        first = int(np.argmin(rows))
        raise ValueError(
            f"`{argument}` must have exactly one 1 in each row. Received: "
            f"{argument}[{first}]={y[first].tolist()}. Soft or multiple "
            "labels are not supported here; pass one class for each row, "
            f"for example `{argument}.argmax(axis=1)`."
        )


def _labels_array(y, argument):
    y = to_numpy(y, argument)
    if y.dtype.kind not in "biufU":
        raise TypeError(
            f"`{argument}` must hold integers or class names. Received: "
            f"dtype {y.dtype}. Number the classes from 0."
        )
    if y.ndim == 0 or y.size == 0:
        raise ValueError(
            f"`{argument}` must hold one label for each row of `x`. "
            f"Received: {argument}.shape={y.shape}. Pass one for each row."
        )
    return y.astype("int64") if y.dtype.kind == "b" else y


def _as_column(y, argument):
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise ValueError(
            f"`{argument}` must have the shape (n,), (n, 1), or "
            "(n, number of classes) if it is one-hot. Received: "
            f"{argument}.shape={y.shape}. Pass one class for each row."
        )
    return y


def _valid(num_classes, names):
    if num_classes is None:
        return "integers of 0 or more"
    if not names or len(names) != num_classes:
        return f"integers in [0, {num_classes})"
    listed = [f"{i} = {n!r}" for i, n in enumerate(names)]
    if len(listed) > 2 * SHOWN:
        listed = [*listed[:SHOWN], "...", listed[-1]]
    return f"integers in [0, {num_classes}): {', '.join(listed)}"


def _shown(values):
    values = np.unique(values).tolist()
    more = ", ..." if len(values) > SHOWN else ""
    return f"[{', '.join(f'{v:g}' for v in values[:SHOWN])}{more}]"
