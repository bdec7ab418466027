"""Whether samples are one cluster or two: a test against chance."""

import numpy as np

# Samples drawn from one normal distribution, and how much clearer than the
# clearest of them a split must be.
DRAWS, MARGIN = 20, 1.1
MAX_DRAWN = 400


def is_two(features, first, second, generator):
    """Whether two parts lie further apart than halves of one cloud do.

    Ward's criterion halves samples of one normal distribution with the same
    covariance too; the halves of those are what the parts are compared with.

    Reference:
    - [Kimes et al., 2017](https://arxiv.org/abs/1411.5259), the test at each
      node of the tree; here with another statistic, `separation`

    Args:
        features: Array of shape `(num_samples, features)`.
        first, second: Indices of the rows of the two parts.
        generator: NumPy generator.
    """
    given = separation(features[first], features[second])
    if given == 0:
        return False
    rows = features[np.concatenate([first, second])]
    chance = max(_by_chance(rows, generator) for _ in range(DRAWS))
    return given > MARGIN * chance


def separation(first, second):
    """Distance of two means in standard deviations along the line between.

    What the means of few samples in many dimensions are apart by chance is
    taken off.

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
    """The separation of halves of a normal distribution like these rows."""
    centered = rows - rows.mean(0)
    count = min(len(rows), MAX_DRAWN)
    noise = generator.standard_normal((count, len(rows)))
    drawn = noise @ centered / np.sqrt(len(rows) - 1)
    halves = ward(n_clusters=2).fit_predict(drawn)
    return separation(drawn[halves == 0], drawn[halves == 1])


def ward(**options):
    """Ward's clustering of scikit-learn, if that is installed."""
    try:
        from sklearn.cluster import AgglomerativeClustering
    except ImportError as error:
        raise ImportError(
            "Clustering needs scikit-learn. Run "
            '`pip install "keras-incremental[clustering]"`, or '
            "`pip install scikit-learn`."
        ) from error
    return AgglomerativeClustering(linkage="ward", **options)
