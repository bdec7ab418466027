"""Eigenvectors of matrices of features, also of few samples."""

import numpy as np

# Samples are few if there are so many times as many features.
FEW, SPARE = 2, 8


def spectrum(
    gram: np.ndarray, rank: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns eigenvalues and eigenvectors of a Gram matrix.

    Eigenvalues that are rounding, of features that are constant or copies of
    others, are 0. Where the matrix is of few samples, those that are 0 are
    left out: its range is found first, in time that grows with the square of
    the number of features instead of the cube.

    Reference:
    - [Halko et al., 2011](https://arxiv.org/abs/0909.4061), the range finder

    Args:
        gram: Array of shape `(features, features)`.
        rank: Int. Its rank is no larger. Defaults to `None`, not known.

    Returns:
        Arrays of shape `(found,)` and `(features, found)`.
    """
    if rank is not None and is_few(rank, len(gram)):
        base = _range_of(gram, rank + SPARE)
        values, turned = np.linalg.eigh(base.T @ gram @ base)
        vectors = base @ turned
    else:
        values, vectors = np.linalg.eigh(gram)
    tolerance = len(gram) * np.finfo("float64").eps
    values[values <= tolerance * values.max(initial=0.0)] = 0.0
    return values, vectors


def is_few(samples: int, features: int) -> bool:
    """Returns whether `spectrum` finds the range of a matrix first.

    Args:
        samples: Int. No more than so many rows add up to the matrix.
        features: Int.
    """
    return FEW * (samples + SPARE) < features


def spectrum_of_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns what `spectrum` does of `rows.T @ rows`, without this matrix.

    Args:
        rows: Array of shape `(num_rows, features)`.

    Returns:
        Arrays of shape `(found,)`, falling and above 0, and
        `(features, found)`.
    """
    values, turned = spectrum(rows @ rows.T)
    order = np.flatnonzero(values)[::-1]
    values, turned = values[order], turned[:, order]
    return values, rows.T @ (turned / np.sqrt(values))


def _range_of(gram, width):
    """Returns orthonormal columns whose span holds all that a matrix does."""
    drawn = np.random.default_rng(0).standard_normal((len(gram), width))
    base = np.linalg.qr(gram @ drawn)[0]
    # Once more, for directions that hardly vary.
    return np.linalg.qr(gram @ base)[0]
