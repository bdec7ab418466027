import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.metrics.group_means import ratio


@dataclasses.dataclass(frozen=True)
class ConfusionGroups:
    """Numbers of predictions by old and new classes.

    Attributes:
        old_right: Int. Old samples with a correct prediction.
        old_wrong: Int. Old samples predicted as another old class.
        old_as_new: Int. Old samples predicted as a new class.
        new_right: Int. New samples with a correct prediction.
        new_wrong: Int. New samples predicted as another new class.
        new_as_old: Int. New samples predicted as an old class.
    """

    old_right: int
    old_wrong: int
    old_as_new: int
    new_right: int
    new_wrong: int
    new_as_old: int

    @property
    def rates(self) -> dict[str, float]:
        """Dict of counts divided by the number of old or new samples."""
        counts = dataclasses.asdict(self)
        rates: dict[str, float] = {}
        for truth in ("old", "new"):
            names = [name for name in counts if name.startswith(truth)]
            total = sum(counts[name] for name in names)
            rates |= {n: float(ratio(counts[n], total)) for n in names}
        return rates

    @property
    def recency_bias(self) -> float:
        """Float. The rate `old_as_new` minus the rate `new_as_old`."""
        return self.rates["old_as_new"] - self.rates["new_as_old"]


def confusion_groups(
    labels: ArrayLike, predictions: ArrayLike, num_old: int
) -> ConfusionGroups:
    """Counts confusions between and within old and new classes.

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
    is_old, as_old = labels < num_old, predictions < num_old
    return ConfusionGroups(
        old_right=int(np.sum(is_old & right)),
        old_wrong=int(np.sum(is_old & as_old & ~right)),
        old_as_new=int(np.sum(is_old & ~as_old)),
        new_right=int(np.sum(~is_old & right)),
        new_wrong=int(np.sum(~is_old & ~as_old & ~right)),
        new_as_old=int(np.sum(~is_old & as_old)),
    )
