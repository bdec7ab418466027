"""Initializers of the columns of subclasses."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_incremental.layers import column_initializers
from keras_incremental.layers import splits
from keras_incremental.utils.types import InitializerLike


class SplitShare(column_initializers.ColumnInitializer):
    """Columns of subclasses that start with a share of their parent.

    The share is the same for all inputs: the kernel starts at 0, the bias at
    `logit(share)`. All other probabilities stay the same.

    Args:
        share: Float, or list of floats, above 0 and below 1. A float is the
            share of all new subclasses of a parent together, in equal parts.
            A list has the share of each subclass. A larger value gives more
            of the parent to its subclasses. Defaults to `0.1`.
        others: Initializer of new classes without a parent. See
            `ExpandableHead.expand`. Defaults to `"match_old_scale"`.

    Example:

    >>> import numpy as np
    >>> import keras
    >>> import keras_incremental as ki
    >>> head = ki.layers.ExpandableDense(2)
    >>> features = np.ones((1, 4), "float32")
    >>> before = keras.ops.convert_to_numpy(head(features))
    >>> head.expand(1, initializer=SplitShare(0.2), parents=[1])
    >>> after = keras.ops.convert_to_numpy(head(features))
    >>> round(float(after[0, 2] - before[0, 1]), 4)
    -1.6094
    """

    def __init__(
        self,
        share: float | Sequence[float] = 0.1,
        others: InitializerLike = "match_old_scale",
    ):
        self.share = share
        self.others = others
        if not all(0 < value < 1 for value in np.ravel(share)):
            raise ValueError(
                "`share` of SplitShare must lie between 0 and 1. Received: "
                f"share={share}."
            )

    def __call__(
        self, columns: dict[str, np.ndarray], units: int, seed: int | None
    ) -> dict[str, np.ndarray]:
        raise ValueError(
            "SplitShare starts classes that come out of old ones, in an "
            "ExpandableDense. Received: no parents. Call `expand(units, "
            "initializer, parents=[...])`."
        )


def start_of(
    initializer: InitializerLike, old: tuple[int, ...], new: tuple[int, ...]
) -> InitializerLike:
    """Returns the initializer of new columns in a head with splits.

    Args:
        initializer: See `ExpandableHead.expand`.
        old: Parents of the old classes.
        new: Parents of the new classes.

    Returns:
        `initializer` itself where no class has a parent.
    """
    given = isinstance(initializer, SplitShare)
    if not splits.has_splits(new if given else old + new):
        return initializer
    share = initializer if given else SplitShare(others=initializer)
    return _Start(old, new, share)


class _Start(column_initializers.ColumnInitializer):
    """Columns of shares next to columns of logits."""

    def __init__(
        self, old: tuple[int, ...], new: tuple[int, ...], share: SplitShare
    ):
        self.ordinary = np.flatnonzero(np.equal(old, splits.ORDINARY))
        self.new = new
        self.others = column_initializers.get(share.others)
        self.bias = start_logits(new, share.share)

    def __call__(
        self, columns: dict[str, np.ndarray], units: int, seed: int | None
    ) -> dict[str, np.ndarray]:
        # Shares say nothing about the scale of logits.
        logits = {n: v[..., self.ordinary] for n, v in columns.items()}
        result = self.others.among(self.ordinary)(logits, units, seed)
        split = np.not_equal(self.new, splits.ORDINARY)
        for name, value in result.items():
            value[..., split] = self.bias if name == "bias" else 0.0
        if "bias" not in result and np.any(np.abs(self.bias) > 1e-6):
            raise ValueError(
                "A head without biases can only divide a class into halves. "
                f"Received: parents={list(self.new)}. Build it with "
                "`use_bias=True`, or give `initializer=SplitShare(0.5)`."
            )
        return result


def start_logits(parents: tuple[int, ...], share: Any) -> np.ndarray:
    """Returns the logits at which the shares of new classes start.

    Args:
        parents: Tuple of ints, -1 for a class without a parent.
        share: See `SplitShare`.

    Returns:
        Array with one number for each class that has a parent.
    """
    parents = [parent for parent in parents if parent != splits.ORDINARY]
    if np.ndim(share) == 0:
        share = [share / parents.count(parent) for parent in parents]
    taken, logits = dict.fromkeys(parents, 0.0), []
    _check_shares(parents, share)
    for parent, part in zip(parents, share, strict=True):
        # Each divides what the ones before it have left.
        rest = 1.0 - taken[parent]
        logits.append(np.log(part) - np.log(rest - part))
        taken[parent] += part
    return np.array(logits)


def _check_shares(parents, share):
    fits = len(share) == len(parents)
    sums = [
        sum(s for s, p in zip(share, parents, strict=False) if p == parent)
        for parent in set(parents)
    ]
    if not fits or max(sums, default=0) >= 1:
        raise ValueError(
            "`share` of SplitShare must be one for each class with a parent, "
            f"less than 1 for the same parent. Received: share={share}, "
            f"parents={parents}."
        )
