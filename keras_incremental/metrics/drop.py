import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.metrics.paired_tests import drop_interval


@dataclasses.dataclass(frozen=True)
class Drop:
    """A change of accuracy, measured twice on the same samples.

    Attributes:
        value: Float. Accuracy before minus accuracy after; above 0 is a loss.
        error: Float. Its standard error.
        lost: Int. Samples that went from right to wrong.
        gained: Int. Samples that went from wrong to right.
        count: Int. Samples in all.
    """

    value: float
    error: float
    lost: int
    gained: int
    count: int

    def in_words(self, level: float = 0.95) -> str:
        """Returns what was lost or gained, with its uncertainty.

        Args:
            level: Float between 0 and 1. Confidence level of the interval.
                Defaults to `0.95`.

        Example:

        >>> paired_drop([1] * 100, [0] * 5 + [1] * 95).in_words()
        'lost 5.0 points, 1.1 to 11.2 with a confidence of 95 % (100 samples)'
        """
        if not self.count:
            return "lost an unknown number of points (0 samples)"
        low, high = drop_interval(self.lost, self.gained, self.count, level)
        verb, points = "lost", [self.value, low, high]
        if self.value < 0:
            verb, points = "gained", [-self.value, -high, -low]
        value, low, high = (100 * share for share in points)
        return (
            f"{verb} {value:.1f} points, {low:.1f} to {high:.1f} with a "
            f"confidence of {100 * level:g} % ({self.count} samples)"
        )


def paired_drop(was_right: ArrayLike, is_right: ArrayLike) -> Drop:
    """Returns the drop in accuracy between two models on the same samples.

    Only samples whose prediction changed tell about the difference, so its
    standard error is that of McNemar's test, not that of two independent
    samples. With no change at all, it is the rule of three: the
    true share may still be up to `3 / count`.

    Args:
        was_right: Bools of shape `(num_samples,)`: right before.
        is_right: Bools of the same shape: right after.

    Returns:
        A `Drop`.
    """
    was_right = np.asarray(was_right, bool)
    is_right = np.asarray(is_right, bool)
    count = len(was_right)
    lost = int(np.sum(was_right & ~is_right))
    gained = int(np.sum(~was_right & is_right))
    if not count:
        return Drop(np.nan, np.nan, 0, 0, 0)
    value = (lost - gained) / count
    variance = (lost + gained) / count - value**2
    error = np.sqrt(variance / count) if lost + gained else 3 / count / 1.96
    return Drop(value, float(error), lost, gained, count)
