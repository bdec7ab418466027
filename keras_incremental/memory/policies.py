"""How exemplars and new samples are mixed: which rows lie in which batch."""

import dataclasses
import math
import numbers
from collections.abc import Iterable
from typing import Self

import numpy as np

from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config


class MixingPolicy:
    """Decides which rows an epoch shows, in which batches.

    Rows number new samples first, then exemplars. A subclass says how both
    are mixed; where there is only one kind, they are shuffled batches. It
    sees labels only, and draws by the generator that it is given.

    Attributes:
        corrects_bias: Whether old and new classes count the same, so that
            no other part may correct that again.
    """

    corrects_bias = False
    description = "natural shares"

    def indices(
        self,
        labels: np.ndarray,
        num_new: int,
        batch_size: int,
        generator: np.random.Generator,
        shown: np.ndarray | None = None,
    ) -> Iterable[np.ndarray]:
        """The batches of one epoch; their sizes are those of every epoch.

        Args:
            labels: Ints of shape `(num_samples,)`, those of new samples
                first.
            num_new: Int. How many of them are new.
            batch_size: Int, 1 or more.
            generator: `numpy.random.Generator`, which moves on.
            shown: Ints of shape `(num_samples,)`, how often earlier epochs
                showed each row. Defaults to `None`, equally often.

        Returns:
            Iterable of arrays of ints, the rows of each batch.
        """
        mixes = 0 < num_new < len(labels)
        if not mixes:
            return _shuffled(labels, num_new, batch_size, generator)
        return self._mixed(labels, num_new, batch_size, generator, shown)

    def counts(
        self,
        labels: np.ndarray,
        num_new: int,
        batch_size: int,
        num_classes: int,
    ) -> np.ndarray:
        """How many samples of each class count in an epoch.

        A sample counts by its weight, so that the logarithm of the result is
        the bias that training puts on each class.

        Args:
            labels: See `indices`.
            num_new: See `indices`.
            batch_size: See `indices`.
            num_classes: Int.

        Returns:
            Array of float64 of shape `(num_classes,)`, expected values; 0
            for a class without samples.
        """
        weights = self.weights(labels)
        if weights is None:
            weights = np.ones(len(labels))
        if 0 < num_new < len(labels):
            weights = weights * self._shown(labels, num_new, batch_size)
        return np.bincount(labels, weights, minlength=num_classes)

    def weights(self, labels: np.ndarray) -> np.ndarray | None:
        """Returns the weight of each row, float32 of mean 1, or `None`."""
        return None

    def batch_weights(
        self, num_new: int, num_replayed: int
    ) -> np.ndarray | None:
        """Returns weights of one batch by what is replayed, or `None`.

        Args:
            num_new: Int, rows of the batch that are new. They lie first.
            num_replayed: Int, rows that are replayed.
        """
        return None

    def count(self, num_new: int) -> int:
        """Returns how many exemplars join a batch of new samples.

        Args:
            num_new: Int, 1 or more.

        Raises:
            ValueError: if the policy must know a whole phase.
        """
        raise ValueError(
            f"{type(self).__name__} mixes the samples of a whole phase, and "
            "here batches come one by one. Use `Interleave`."
        )

    def get_config(self) -> Config:
        return dataclasses.asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**config)

    def _mixed(self, labels, num_new, batch_size, generator, shown):
        return _shuffled(labels, num_new, batch_size, generator)

    def _shown(self, labels, num_new, batch_size):
        """How often an epoch shows each row, on average."""
        return np.ones(len(labels))


@export
@dataclasses.dataclass(frozen=True)
class Concatenate(MixingPolicy):
    """Shuffles new samples and exemplars together, each seen once.

    An exemplar is as rare in a batch as it is among all samples, so that the
    model learns that old classes are rare: combine it with a correction of
    that bias.

    Example:

    >>> import numpy as np
    >>> labels, generator = np.array([2, 2, 2, 0, 1]), np.random.default_rng(0)
    >>> batches = Concatenate().indices(labels, 3, 2, generator)
    >>> [len(rows) for rows in batches]
    [2, 2, 1]
    """


@export
@dataclasses.dataclass(frozen=True)
class Weighted(MixingPolicy):
    """Shuffles all samples together; every class weighs the same in the loss.

    Each sample has the weight 1 / n of its class with n samples, scaled to
    the mean 1. Nothing is shown twice, but one exemplar of a small class
    moves the weights a lot.

    Example:

    >>> import numpy as np
    >>> Weighted().weights(np.array([2, 2, 0]))
    array([0.75, 0.75, 1.5 ], dtype=float32)
    """

    corrects_bias = True
    description = "class-balanced weights"

    def weights(self, labels: np.ndarray) -> np.ndarray | None:
        return balanced_weights(labels)


@export
@dataclasses.dataclass(frozen=True)
class Interleave(MixingPolicy):
    """Adds a fixed number of exemplars to every batch of new samples.

    An epoch is one pass over the new samples. Exemplars are gone through in
    a new order each time, so that all epochs together show each of them
    equally often, or one of two neighboring numbers of times. Rows of a batch
    lie new ones first. Only the last batch may be smaller; its share of
    exemplars is that of the others.

    Reference:
    - [Chaudhry et al., 2019](https://arxiv.org/abs/1902.10486)

    Args:
        share: Float in `(0, 1)`, the part of a batch that is replayed. A
            larger share protects old classes and repeats exemplars more
            often. Defaults to `0.5`, as many exemplars as new samples.
        replayed: Int, 1 or more: exemplars in a full batch, in the place of
            `share`. Defaults to `None`.
        weight: Float, 0 or more. The loss is the mean over the new samples of
            a batch, plus `weight` times the mean over its exemplars. 0 does
            not use the labels of exemplars. Defaults to `None`: one mean
            over all.

    Example:

    >>> import numpy as np
    >>> labels, generator = np.array([2, 2, 2, 2, 0]), np.random.default_rng(0)
    >>> batches = Interleave(replayed=1).indices(labels, 4, 2, generator)
    >>> [int(rows[-1]) for rows in batches]
    [4, 4]
    """

    share: float = 0.5
    replayed: int | None = None
    weight: float | None = None
    description = "a fixed share of each batch"

    def __post_init__(self):
        if not isinstance(self.share, numbers.Real) or not 0 < self.share < 1:
            raise ValueError(
                "`share` of Interleave must be a number in (0, 1). Received: "
                f"share={self.share!r}. Without replay, use Concatenate."
            )
        if self.replayed is not None and not _is_count(self.replayed):
            raise ValueError(
                "`replayed` of Interleave must be an integer of 1 or more, "
                f"or None. Received: replayed={self.replayed!r}."
            )
        if self.weight is not None and not _is_weight(self.weight):
            raise ValueError(
                "`weight` of Interleave must be a finite number of 0 or more, "
                f"or None. Received: weight={self.weight!r}."
            )

    def count(self, num_new: int) -> int:
        if self.replayed is not None:
            return self.replayed
        return max(1, round(num_new * self.share / (1 - self.share)))

    def batch_weights(
        self, num_new: int, num_replayed: int
    ) -> np.ndarray | None:
        if self.weight is None:
            return None
        total = num_new + num_replayed
        new = np.full(num_new, total / max(num_new, 1))
        old = np.full(num_replayed, self.weight * total / max(num_replayed, 1))
        return np.concatenate([new, old]).astype("float32")

    def _mixed(self, labels, num_new, batch_size, generator, shown):
        new = _split(generator.permutation(num_new), batch_size)
        sizes = self._sizes(num_new, batch_size)
        num_old = len(labels) - num_new
        seen = None if shown is None else shown[num_new:]
        old = num_new + _cycled(num_old, sum(sizes), generator, seen)
        ends = np.cumsum(sizes)[:-1]
        pairs = zip(new, np.split(old, ends), strict=True)
        return [np.concatenate(pair) for pair in pairs]

    def _shown(self, labels, num_new, batch_size):
        num_old = len(labels) - num_new
        often = sum(self._sizes(num_new, batch_size)) / num_old
        if self.weight is not None:
            often *= self.weight
        return np.repeat([1.0, often], [num_new, num_old])

    def _sizes(self, num_new, batch_size):
        """How many exemplars there are in each batch."""
        ratio = self.share / (1 - self.share)
        if self.replayed is not None:
            ratio = self.replayed / batch_size
        full, rest = divmod(num_new, batch_size)
        sizes = [batch_size] * full + [rest] * bool(rest)
        return [max(1, round(size * ratio)) for size in sizes]


@export
@dataclasses.dataclass(frozen=True)
class ClassBalanced(MixingPolicy):
    """Shows every class equally often, however many samples it has.

    Classes come in turns, in a new order each turn, and so do the samples of
    each class. An epoch has as many samples as there are new ones; it leaves
    some of the large classes out, and repeats those of the small ones, which
    the model may learn by heart.

    Example:

    >>> import numpy as np
    >>> labels, generator = np.array([1, 1, 1, 1, 0]), np.random.default_rng(0)
    >>> batches = ClassBalanced().indices(labels, 4, 4, generator)
    >>> [sorted(labels[rows].tolist()) for rows in batches]
    [[0, 0, 1, 1]]
    """

    corrects_bias = True
    description = "class-balanced batches"

    def _mixed(self, labels, num_new, batch_size, generator, shown):
        classes, places = np.unique(labels, return_inverse=True)
        turns = _cycled(len(classes), num_new, generator)
        rows = np.empty(num_new, "int64")
        for number in range(len(classes)):
            own = np.flatnonzero(places == number)
            slots = np.flatnonzero(turns == number)
            rows[slots] = own[_cycled(len(own), len(slots), generator)]
        return _split(rows, batch_size)

    def _shown(self, labels, num_new, batch_size):
        _, places, sizes = np.unique(
            labels, return_inverse=True, return_counts=True
        )
        return num_new / len(sizes) / sizes[places]


def balanced_weights(labels: np.ndarray) -> np.ndarray:
    """One weight for each sample, so that every class counts the same.

    Args:
        labels: Ints of shape `(num_samples,)`.

    Returns:
        Float32 array of shape `(num_samples,)`, of mean 1.
    """
    counts = np.bincount(labels)
    weights = 1.0 / counts[labels]
    return (weights / weights.mean()).astype("float32")


def _shuffled(labels, num_new, batch_size, generator):
    return _split(generator.permutation(len(labels)), batch_size)


def _split(rows, batch_size):
    starts = range(0, len(rows), batch_size)
    return [rows[start : start + batch_size] for start in starts]


def _cycled(size, count, generator, shown=None):
    """Indices below `size`, all of them again and again in a new order.

    The last round may be cut, to those that were shown least.
    """
    rounds = math.ceil(count / size)
    orders = [generator.permutation(size) for _ in range(rounds)]
    if shown is not None and orders:
        last = orders[-1]
        orders[-1] = last[np.argsort(shown[last], kind="stable")]
    return np.concatenate([*orders, np.zeros(0, "int64")])[:count]


def _is_weight(value):
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return number and math.isfinite(value) and value >= 0


def _is_count(value):
    return (
        isinstance(value, numbers.Integral)
        and not isinstance(value, bool)
        and value >= 1
    )
