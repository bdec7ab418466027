import dataclasses
import math
import numbers

import numpy as np

from keras_incremental.utils.export import export


@export
@dataclasses.dataclass(frozen=True)
class StreamReplay:
    """How a stream is replayed: what joins each batch, and how it counts.

    Each step of a stream is one batch, and samples drawn from a `Reservoir`.

    Reference:
    - [Chaudhry et al., 2019](https://arxiv.org/abs/1902.10486)
    - [Caccia et al., 2022](https://arxiv.org/abs/2104.05025), `asymmetric`

    Args:
        replayed: Int, 1 or more: samples drawn for each batch. More protect
            better, and a step takes longer. Defaults to `None`, as many as
            the batch has.
        weight: Float, 0 or more: what the mean loss of the labels of drawn
            samples is multiplied by, beside that of the batch. 0 does not
            use their labels. Defaults to `None`: one mean over all.
        asymmetric: Bool. Whether new samples are told apart from the classes
            of their batch alone, so that they do not push down what is not
            in it; drawn ones are told apart from all. Defaults to `False`.

    Example:

    >>> StreamReplay(weight=0.5).weights(3, 1)
    array([1.3333334, 1.3333334, 1.3333334, 2.       ], dtype=float32)
    """

    replayed: int | None = None
    weight: float | None = None
    asymmetric: bool = False

    def __post_init__(self):
        if self.replayed is not None and not _is_count(self.replayed):
            raise ValueError(
                "`replayed` of StreamReplay must be an integer of 1 or more, "
                f"or None. Received: replayed={self.replayed!r}. To replay "
                "nothing, use a recipe without a memory."
            )
        if self.weight is not None and not _is_share(self.weight):
            raise ValueError(
                "`weight` of StreamReplay must be a finite number of 0 or "
                f"more, or None. Received: weight={self.weight!r}."
            )

    def count(self, num_new):
        """How many samples are drawn for a batch of `num_new`."""
        return num_new if self.replayed is None else self.replayed

    def weights(self, num_new, num_drawn):
        """Weights in a mean over a batch and the samples drawn for it.

        Args:
            num_new: Int, rows of the batch, which lie first.
            num_drawn: Int, rows drawn.

        Returns:
            Float32 array of shape `(num_new + num_drawn,)`, or `None` where
            all count the same.
        """
        if self.weight is None:
            return None
        total = num_new + num_drawn
        new = np.full(num_new, total / num_new)
        drawn = np.full(num_drawn, self.weight * total / max(num_drawn, 1))
        return np.concatenate([new, drawn]).astype("float32")

    def get_config(self):
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _is_count(value):
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return whole and value >= 1


def _is_share(value):
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return number and math.isfinite(value) and value >= 0
