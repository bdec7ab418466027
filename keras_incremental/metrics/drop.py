import dataclasses

import numpy as np
from numpy.typing import ArrayLike


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
