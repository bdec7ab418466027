import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.metrics.group_means import ratio


@dataclasses.dataclass(frozen=True)
class ConfusionGroups:
    """Where samples of old and of new classes were put.

    Rates are shares of the samples whose true class is old, or new; NaN
    where there are none.

    Attributes:
        old_right: Int, old samples in their own class.
        old_wrong: Int, old samples in another old class.
        old_as_new: Int, old samples in a new class.
        new_right: Int, new samples in their own class.
        new_wrong: Int, new samples in another new class.
        new_as_old: Int, new samples in an old class.
    """

    old_right: int
    old_wrong: int
    old_as_new: int
    new_right: int
    new_wrong: int
    new_as_old: int

    @property
    def rates(self) -> dict[str, float]:
        """Dict of shares, by the names of the counts."""
        counts = dataclasses.asdict(self)
        rates: dict[str, float] = {}
        for truth in ("old", "new"):
            names = [name for name in counts if name.startswith(truth)]
            total = sum(counts[name] for name in names)
            rates |= {n: float(ratio(counts[n], total)) for n in names}
        return rates

    @property
    def recency_bias(self) -> float:
        """Share of old samples taken for new, less that of new for old."""
        return self.rates["old_as_new"] - self.rates["new_as_old"]


def confusion_groups(
    labels: ArrayLike, predictions: ArrayLike, num_old: int
) -> ConfusionGroups:
    """Counts the samples of old and of new classes by where they were put.

    Args:
        labels: Ints of shape `(num_samples,)`, the true classes.
        predictions: Ints of shape `(num_samples,)`.
        num_old: Int. The classes from `0` to `num_old - 1` are old.

    Returns:
        A `ConfusionGroups`.

    Example:

    >>> from keras_incremental.metrics import confusion_groups
    >>> groups = confusion_groups([0, 0, 1, 2], [0, 2, 1, 2], num_old=2)
    >>> groups.old_right, groups.old_as_new, groups.new_as_old
    (2, 1, 0)
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    right = labels == predictions
    truth_old, said_old = labels < num_old, predictions < num_old
    return ConfusionGroups(
        old_right=int(np.sum(truth_old & right)),
        old_wrong=int(np.sum(truth_old & said_old & ~right)),
        old_as_new=int(np.sum(truth_old & ~said_old)),
        new_right=int(np.sum(~truth_old & right)),
        new_wrong=int(np.sum(~truth_old & ~said_old & ~right)),
        new_as_old=int(np.sum(~truth_old & said_old)),
    )
