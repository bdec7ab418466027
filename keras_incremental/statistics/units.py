"""Units of features, where these differ too much in size."""

import numpy as np

from keras_incremental.statistics.penalty import LEAST

# The rounding of a mean, as a share of it.
ROUNDING = 1e-12


def units_of(
    squares: np.ndarray, means: np.ndarray, count: int
) -> np.ndarray | None:
    """Returns the spread of each feature, or `None` if one unit suits all.

    A penalty is the same for all features, and no smaller than `LEAST` times
    the mean eigenvalue. Where that is more than half of the features vary,
    these would count for nothing, however much they tell. So it is for a
    feature that `Normalization` has divided by nearly 0, as it was constant
    in the classes that the network was trained on.

    Args:
        squares: Array of shape `(features,)`: sums of squared distances.
        means: Array of shape `(..., features)`.
        count: Int. The number of samples.

    Returns:
        Array of shape `(features,)`, infinite for features that are constant;
        or `None`.
    """
    largest = np.abs(means).max(0, initial=0.0)
    moves = squares > count * np.square(ROUNDING * largest)
    if not moves.any() or LEAST * squares.mean() <= np.median(squares[moves]):
        return None
    return np.where(moves, np.sqrt(squares / count), np.inf)
