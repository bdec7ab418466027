"""Statistical test whether samples form one cluster or two."""

from typing import Any

import numpy as np

# Number of draws from a single normal distribution, and the factor by which a
# split must exceed the largest separation among them.
DRAWS, MARGIN = 20, 1.1
MAX_DRAWN = 400


def is_two(
    features: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    generator: np.random.Generator,
) -> bool:
    """Returns whether two parts are further apart than halves of one cluster.

    For comparison, samples are drawn from a normal distribution with the same
    covariance and split with Ward's criterion.

    Reference:
    - [Kimes et al., 2017](https://arxiv.org/abs/1411.5259), the test at each
      node of the tree; here with another statistic, `separation`

    Args:
        features: Array of shape `(num_samples, features)`.
        first, second: Indices of the rows of the two parts.
        generator: NumPy generator.

    Returns:
        Boolean.
    """
    given = separation(features[first], features[second])
    if given == 0:
        return False
    rows = features[np.concatenate([first, second])]
    chance = max(_by_chance(rows, generator) for _ in range(DRAWS))
    return given > MARGIN * chance


def separation(first: np.ndarray, second: np.ndarray) -> float:
    """Computes the distance of two means in standard deviations.

    The standard deviation is taken along the line between the means. The
    expected distance of the means of equal distributions is subtracted.

    Args:
        first, second: Arrays of shape `(num_samples, features)`.

    Returns:
        Float, 0 or more.
    """
    step = first.mean(0) - second.mean(0)
    length = step @ step
    if length == 0:
        return 0.0
    rests = np.concatenate([first - first.mean(0), second - second.mean(0)])
    freedom = max(len(rests) - 2, 1)
    along = np.square(rests @ step).sum() / length / freedom
    total = np.square(rests).sum() / freedom
    excess = length - total * (1 / len(first) + 1 / len(second))
    if excess <= 0:
        return 0.0
    return float(np.sqrt(excess / along)) if along > 0 else float("inf")


def _by_chance(rows, generator):
    """Returns the separation of halves of a normal distribution."""
    centered = rows - rows.mean(0)
    count = min(len(rows), MAX_DRAWN)
    noise = generator.standard_normal((count, len(rows)))
    drawn = noise @ centered / np.sqrt(len(rows) - 1)
    halves = ward(n_clusters=2).fit_predict(drawn)
    return separation(drawn[halves == 0], drawn[halves == 1])


def ward(**options: Any) -> Any:
    """Creates Ward's clustering of scikit-learn."""
    try:
        from sklearn.cluster import AgglomerativeClustering
    except ImportError as error:
        raise ImportError(
            "`cluster` needs scikit-learn. Run "
            '`pip install "keras-incremental[clustering]"`, or '
            "`pip install scikit-learn`."
        ) from error
    return AgglomerativeClustering(linkage="ward", **options)
