"""Which samples of a class to keep: features in, ordered indices out.

A selection is a function `(features, count, seed) -> indices`. The order
matters: a memory that shrinks keeps the first ones.
"""

import numpy as np

from keras_incremental.utils import large_arrays
from keras_incremental.utils.types import Selection

# Samples of many whose features are in float64 at a time.
ROWS = 256


def herding(features: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Picks samples whose running mean stays closest to the class mean.

    Pick number k is the sample, not yet picked, that minimizes

        || mean(u) - (sum of picks + u_i) / k ||

    where u are the features at unit length. Ties go to the lowest index.

    Reference:
    - [Rebuffi et al., 2017](https://arxiv.org/abs/1611.07725)

    Args:
        features: Array of shape `(n, ...)`, of all samples of one class.
        count: Int, samples to pick. At most n are picked.
        seed: Not used. Defaults to `0`.

    Returns:
        Array of int64 of shape `(min(count, n),)`, without repeats.

    Raises:
        ValueError: if features are empty or not finite.

    Example:

    >>> import numpy as np
    >>> from keras_incremental.memory import herding
    >>> points = np.array([[1, 0], [0, 1], [-1, 0], [0, -1], [0.6, 0.8]])
    >>> herding(points, 3).tolist()
    [4, 3, 1]
    """
    features = _rows(features)
    mean, norms, squares = _unit_statistics(features)
    total = np.zeros(len(mean))
    picks = np.empty(min(count, len(features)), "int64")
    taken = np.zeros(len(features), bool)
    for k in range(len(picks)):
        sums = _products(features, (k + 1) * mean - total)
        scores = 2 * sums / norms - squares
        scores[taken] = -np.inf
        # Rounded, because noise would decide between equal samples.
        picks[k] = np.argmax(np.round(scores, 12))
        taken[picks[k]] = True
        total += features[picks[k]] / norms[picks[k]]
    return picks


def random(features: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Picks samples at random, the same ones for the same seed.

    Args:
        features: Array of shape `(n, ...)`; only its length is used.
        count: Int, samples to pick. At most n are picked.
        seed: Int or list of ints. Defaults to `0`.

    Returns:
        Array of int64 of shape `(min(count, n),)`, without repeats.
    """
    return np.random.default_rng(seed).permutation(len(features))[:count]


random.uses_features = False  # type: ignore[attr-defined]

_SELECTIONS = {"herding": herding, "random": random}


def register(name: str, function: Selection) -> None:
    """Makes a selection known by a name.

    Args:
        name: String.
        function: Called with `(features, count, seed)`, returns indices. Set
            `function.uses_features = False` if only the length is used: the
            model is then not run.
    """
    if not isinstance(name, str) or not callable(function):
        raise TypeError(
            "`register` needs a name and a function `(features, count, seed) "
            f"-> indices`. Received: {name!r}, {function!r}."
        )
    _SELECTIONS[name] = function


def get(identifier: str | Selection) -> Selection:
    """The selection of a name, or the function itself.

    Args:
        identifier: `"herding"`, `"random"`, another registered name, or a
            function.

    Returns:
        A function `(features, count, seed) -> indices`.

    Raises:
        ValueError: if the name is not registered.
    """
    if callable(identifier):
        return identifier
    if not isinstance(identifier, str) or identifier not in _SELECTIONS:
        raise ValueError(
            f"`selection` must be one of {sorted(_SELECTIONS)} or a function "
            "`(features, count, seed) -> indices`. Received: "
            f"selection={identifier!r}."
        )
    return _SELECTIONS[identifier]


def _rows(features):
    """Returns a row for each sample, in float64 unless there are many."""
    features = np.asarray(features)
    if features.ndim == 0 or len(features) == 0:
        raise ValueError(
            "`features` must have one row for each sample. Received: "
            f"features.shape={features.shape}."
        )
    features = features.reshape(len(features), -1)
    if large_arrays.is_large(8 * features.size):
        return features
    return features.astype("float64", copy=False)


def _unit_statistics(features):
    """Returns what rows have at unit length.

    Returns:
        Arrays of float64: the mean of the rows, the length that each had, and
        the square of the one that it has, which is 0 where it had none.
    """
    total, norms = np.zeros(features.shape[1]), np.empty(len(features))
    squares = np.empty(len(features))
    for part, rows in _in_float64(features):
        _check_finite(rows, part.start)
        lengths = np.linalg.norm(rows, axis=1)
        norms[part] = np.where(lengths == 0, 1, lengths)
        units = rows / norms[part, None]
        squares[part] = np.sum(units**2, axis=1)
        total += np.sum(units, axis=0)
    return total / len(features), norms, squares


def _products(features, direction):
    """Returns the dot product of each row with a vector of float64."""
    return np.concatenate(
        [rows @ direction for _, rows in _in_float64(features)]
    )


def _in_float64(features):
    """Yields slices of rows, and these rows: all, if they are of float64."""
    size = len(features) if features.dtype == "float64" else ROWS
    for start in range(0, len(features), size):
        part = slice(start, start + size)
        yield part, features[part].astype("float64", copy=False)


def _check_finite(rows, start):
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise ValueError(
            "`features` must be finite. Received: NaN or infinity in row "
            f"{start + int(np.argmin(finite))}. Has the training diverged?"
        )
