import math
import numbers

import numpy as np

from keras_incremental.utils.types import Tensor


def split_held_out(
    labels: Tensor, share: float = 0.1, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Returns rows to train on, and class-balanced rows to hold out.

    The smallest class with two or more samples decides how many, so that old
    classes with few exemplars are held out in the same number as new ones.
    A class with one sample keeps it in training.

    Args:
        labels: Ints of shape `(num_samples,)`.
        share: Float in `(0, 1)`, the part of that smallest class to hold
            out, rounded up; at least one sample of it stays. A larger share
            measures better and trains on less. Defaults to `0.1`.
        seed: Int. Which samples of a class are held out depends on the seed
            and the class, not on other classes. Defaults to `0`.

    Returns:
        Arrays of int64 `(train_rows, held_rows)`, both in rising order.

    Raises:
        ValueError: if `share` is outside `(0, 1)`.

    Reference:
    - [Wu et al., 2019](https://arxiv.org/abs/1905.13260)

    Example:

    >>> import numpy as np
    >>> labels = np.array([0] * 10 + [1] * 100)
    >>> train, held = split_held_out(labels, share=0.2)
    >>> len(train), np.bincount(labels[held]).tolist()
    (106, [2, 2])
    """
    if not isinstance(share, numbers.Real) or not 0 < share < 1:
        raise ValueError(
            "`share` to hold out must be a number in (0, 1). Received: "
            f"share={share!r}. Try 0.1."
        )
    labels = np.asarray(labels)
    classes, sizes = np.unique(labels, return_counts=True)
    count = _held_per_class(sizes[sizes > 1], share)
    held = np.zeros(len(labels), bool)
    for label in classes[sizes > 1]:
        own = np.flatnonzero(labels == label)
        order = np.random.default_rng([seed, label]).permutation(own)
        held[order[:count]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def _held_per_class(sizes, share):
    if not len(sizes):
        return 0
    # Rounded first: 0.07 * 100 is a little more than 7.
    wanted = math.ceil(round(share * sizes.min(), 9))
    return int(min(wanted, sizes.min() - 1))
