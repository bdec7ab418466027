"""How the samples of each class lie around its mean, without any of them."""

import dataclasses
from typing import Self

import numpy as np

from keras_incremental.statistics.class_means import padded
from keras_incremental.statistics.feature_statistics import FeatureStatistics
from keras_incremental.statistics.left_out import WhitenedMeans
from keras_incremental.statistics.low_rank import MOST_FEATURES
from keras_incremental.utils import long_progress
from keras_incremental.utils.types import Store

# Quantiles of the distances of a class, and mixtures of its deviations.
LEVELS, MIXTURES = 32, 8
PLACES = (np.arange(LEVELS) + 0.5) / LEVELS
# Bytes of deviations that are looked at together: 4 MiB.
AT_ONCE = 2**22
# Samples that are drawn in all, unless there are many classes.
MOST_DRAWN = 4096
# Classes of which they are kept: at most 19 MB of 1,024 features.
MOST = 512


@dataclasses.dataclass(frozen=True, eq=False)
class Deviations:
    """What tells how far samples of known classes may lie from their mean.

    Of each class it has quantiles of the squared Mahalanobis distances of its
    samples, each left out in turn of the mean and the covariance, and a few
    random mixtures of their deviations from the mean, none of which is of one
    sample. The quantiles say how heavy the tails are, and are taken relative
    to their mean; the mixtures say how large the distances are and where they
    point, for any later covariance. The skew says to which side the samples
    lie that are far from the mean: often to that of the other classes. A
    class of one sample has none of these. They are kept of the first 512
    classes, which stand for all.

    Reference:
    - [Mori et al., 1994](https://doi.org/10.1137/1138055), the skew

    Attributes:
        classes: Ints of shape `(rows,)`, ascending: the class of each row.
        counts: Ints of shape `(rows,)`, of how many samples.
        quantiles: Array of shape `(rows, LEVELS)`, ascending, of mean 1.
        mixtures: Array of shape `(rows, MIXTURES, features)`. The sum of
            their outer products is near the covariance of the class.
        skews: Array of shape `(rows, features)`, the means of the deviations
            times their squared distances of mean 0 and deviation 1.
    """

    classes: np.ndarray
    counts: np.ndarray
    quantiles: np.ndarray
    mixtures: np.ndarray
    skews: np.ndarray

    ARRAYS = ("classes", "counts", "quantiles", "mixtures", "skews")

    @classmethod
    def empty(cls, width: int) -> "Deviations":
        """Returns those of no class.

        Args:
            width: Int. The number of features.
        """
        return cls(
            np.zeros(0, int),
            np.zeros(0, int),
            np.zeros((0, LEVELS)),
            np.zeros((0, MIXTURES, width), "float32"),
            np.zeros((0, width), "float32"),
        )

    @property
    def is_wide(self) -> bool:
        """Whether there are so many features that nothing is kept."""
        return self.mixtures.shape[-1] > MOST_FEATURES

    @property
    def nbytes(self) -> int:
        """Int. The bytes that all arrays take."""
        return sum(getattr(self, name).nbytes for name in self.ARRAYS)

    def emptied(self) -> "Deviations":
        """Returns those of no class, of as many features."""
        return self.empty(self.mixtures.shape[-1])

    def updated(
        self,
        statistics: FeatureStatistics,
        features: np.ndarray,
        labels: np.ndarray,
    ) -> Self:
        """Returns the deviations with additional samples.

        Args:
            statistics: `FeatureStatistics` that have these samples too.
            features: Array of shape `(samples, features)`.
            labels: Ints of shape `(samples,)`.
        """
        if self.is_wide:
            return self
        labels = np.asarray(labels)
        features = np.asarray(features)
        means = WhitenedMeans.of(statistics)
        rows = {label: row for row, label in enumerate(self.classes.tolist())}
        found = {label: self._row(row) for label, row in rows.items()}
        shown = np.unique(labels).tolist()
        name = "describing how classes vary"
        for label in long_progress.steps_of(shown, name, len(shown), "class"):
            known = label in found
            if statistics.counts[label] < 2 or not (known or len(found) < MOST):
                continue
            new = _NewSamples(features, labels, label, statistics.means[label])
            count = statistics.counts[label]
            found[label] = _row_of(means, new, count, found.get(label))
        if not found:
            return self
        order = sorted(found)
        columns = zip(*(found[label] for label in order), strict=True)
        return type(self)(np.array(order), *map(np.array, columns))

    def without(self, classes: np.ndarray) -> Self:
        """Returns the deviations without those of some classes."""
        stay = ~np.isin(self.classes, classes)
        return type(self)(*(getattr(self, name)[stay] for name in self.ARRAYS))

    def _row(self, row):
        return tuple(getattr(self, name)[row] for name in self.ARRAYS[1:])

    def measured(self, statistics: FeatureStatistics) -> np.ndarray:
        """Returns the classes of statistics that it knows, ints."""
        known = self.classes[self.classes < len(statistics.counts)]
        return known[statistics.counts[known] > 1]

    def drawn(
        self, statistics: FeatureStatistics
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns what scores of new samples of the known classes are like.

        A sample of a class is drawn from its skew and its mixtures, at one of
        its distances. It is then left out as one that is in the statistics
        is.

        Args:
            statistics: `FeatureStatistics` of now.

        Returns:
            Distances, discriminants and labels, of shape `(draws,)`, equally
            many of each class that it has measured.
        """
        means = WhitenedMeans.of(statistics)
        labels = self.measured(statistics)
        if not len(labels):
            return np.zeros(0), np.zeros(0), np.zeros(0, int)
        draws = int(np.clip(MOST_DRAWN // (LEVELS * len(labels)), 1, 8))
        found = [
            self._drawn_of(means, label, statistics, draws)
            for label in long_progress.steps_of(
                labels, "estimating thresholds", len(labels), "class"
            )
        ]
        distances, discriminants = map(np.concatenate, zip(*found, strict=True))
        return distances, discriminants, np.repeat(labels, draws * LEVELS)

    def _drawn_of(self, means, label, statistics, draws):
        count = statistics.counts[label]
        row = np.searchsorted(self.classes, label)
        mixtures = means.white(self.mixtures[row])
        level = np.square(mixtures).sum()
        lengths = means.lengths_within(self.quantiles[row], level, count)
        skew = means.white(self.skews[row])
        size = np.square(skew).sum()
        along = _along(self.quantiles[row], lengths, size)
        lengths, along = np.repeat([lengths, along], draws, axis=1)
        weights = np.random.default_rng(int(label)).standard_normal(
            (len(lengths), MIXTURES)
        )
        own = np.einsum("ij,jk,ik->i", weights, mixtures @ mixtures.T, weights)
        rest = lengths - along**2 * size
        weights *= np.sqrt(rest / np.where(own > 0, own, 1))[:, None]
        products = weights @ (mixtures @ means.means.T)
        products += along[:, None] * (means.means @ skew)
        return means.left_out(lengths, products, label, count)

    def save_to(self, store: Store, prefix: str) -> None:
        """Writes the arrays into a store, nothing where there are none."""
        for name in self.ARRAYS if len(self.classes) else ():
            store[prefix + name] = getattr(self, name)

    @classmethod
    def load_from(cls, store: Store, width: int, prefix: str) -> "Deviations":
        """Returns what `save_to` wrote, or those of no class.

        Raises:
            ValueError: if the arrays are not such ones.
        """
        if prefix + cls.ARRAYS[0] not in set(store.keys()):
            return cls.empty(width)
        *others, skews = cls.ARRAYS
        arrays = [np.asarray(store[prefix + name]) for name in others]
        # Files of earlier versions have none.
        if prefix + skews in set(store.keys()):
            arrays.append(np.asarray(store[prefix + skews]))
        else:
            arrays.append(np.zeros((len(arrays[0]), width), "float32"))
        found = cls(*arrays)
        size = len(found.classes)
        ints = found.classes, found.counts
        fits = (
            all(a.shape == (size,) and a.dtype.kind == "i" for a in ints)
            and found.quantiles.shape == (size, LEVELS)
            and found.mixtures.shape == (size, MIXTURES, width)
            and np.isfinite(found.quantiles).all()
            and found.skews.shape == (size, width)
            and np.isfinite(found.mixtures).all()
            and np.isfinite(found.skews).all()
            and (np.diff(found.classes, prepend=-1) > 0).all()
            and (found.counts > 0).all()
            and (found.quantiles >= 0).all()
        )
        if not fits:
            raise ValueError(
                f"{found.counts.shape} counts, {found.quantiles.shape} "
                f"quantiles, {found.mixtures.shape} mixtures and "
                f"{found.skews.shape} skews"
            )
        return found


def _relative(lengths):
    """Returns quantiles of ascending squared distances, of mean 1."""
    places = (np.arange(len(lengths)) + 0.5) / len(lengths)
    values = np.interp(PLACES, places, lengths)
    mean = values.mean()
    return values / mean if mean > 0 else np.ones(LEVELS)


def _along(quantiles, lengths, size):
    """Returns how far samples at such distances lie along the skew.

    Of few samples the skew is inexact: it makes up half of a squared distance
    at most.

    Args:
        quantiles: Array of shape `(levels,)`, of squared distances.
        lengths: Array of the same shape, the squared distances.
        size: Float, the squared length of the skew.
    """
    spread = quantiles.std()
    if not (spread > 0 and size > 0):
        return np.zeros(len(lengths))
    most = np.sqrt(lengths / (2 * size))
    return np.clip((quantiles - quantiles.mean()) / spread, -most, most)


class _NewSamples:
    """The deviations of samples of a class from its mean, some at a time."""

    def __init__(self, features, labels, label, mean):
        self.label = label
        self._features, self._mean = features, mean
        self._rows = np.flatnonzero(labels == label)

    def __len__(self):
        return len(self._rows)

    def __iter__(self):
        """Yields where samples begin, and their deviations."""
        at_once = max(AT_ONCE // self._mean.nbytes, 1)
        for start in range(0, len(self), at_once):
            rows = self._rows[start : start + at_once]
            yield start, self._features[rows] - self._mean


def _row_of(means, new, count, old=None):
    """Returns the row of a class, of new samples and of its earlier row.

    Deviations are added up with random signs to a few mixtures, with nearly
    the same outer products. What is left then tells no more than the sum of
    these does, so none is of a single sample. Of a few samples random signs
    change the sum of their squared distances, of which a left out sample's
    distance is a steep function, so mixtures are as long as deviations.
    """
    counts = np.array([0 if old is None else old[0], len(new)])
    total = int(counts.sum())
    shares, width = counts / total, means.center.shape[-1]
    mixing = _Mixing(means, [new.label, total], len(new), width)
    lengths, moved, far = [], np.zeros(width), np.zeros(width)
    for start, steps in new:
        lengths.append(means.left_out_lengths(steps, count))
        mixing.add(steps / np.sqrt(total), start)
        moved += steps.sum(0)
        far += lengths[-1] @ steps
    lengths = np.concatenate(lengths)
    quantiles = _relative(np.sort(lengths))
    spread = len(new) * lengths.std()
    skew = far - lengths.mean() * moved
    skew = skew / spread if spread > 0 else np.zeros(width)
    if old is not None:
        skew = shares[0] * old[3] + shares[1] * skew
        # By so much the mean of the earlier samples moved.
        moved /= max(count - len(new), 1)
        before = np.concatenate([old[2], moved[None]])
        mixing.add(np.sqrt(shares[0]) * before, len(new))
        both = _joined_quantiles((old[1], quantiles), shares)
        quantiles = _relative(both)
    return total, quantiles, mixing.mixtures(), skew.astype("float32")


class _Mixing:
    """Adds up rows with random signs."""

    def __init__(self, means, seed, size, width):
        self._means = means
        random = np.random.default_rng(seed)
        self._signs = random.choice([-1.0, 1.0], size + MIXTURES + 1)
        self._added = np.zeros((MIXTURES, width))
        self._size = 0.0

    def add(self, rows, start):
        places = start + np.arange(len(rows))
        signs = np.zeros((MIXTURES, len(rows)))
        signs[places % MIXTURES, places - start] = self._signs[places]
        self._added += signs @ rows
        self._size += np.square(self._means.white(rows)).sum()

    def mixtures(self):
        mixtures = padded(np.linalg.qr(self._added, mode="r"), MIXTURES)
        size = np.square(self._means.white(mixtures)).sum()
        least = min(size, self._size)
        stretch = np.sqrt(self._size / size) if least > 0 else 1.0
        return (stretch * mixtures).astype("float32")


def _joined_quantiles(parts, shares):
    """Returns quantiles of two distributions with shares of the samples."""
    values = np.concatenate(parts)
    weights = np.repeat(shares / LEVELS, LEVELS)
    order = np.argsort(values, kind="stable")
    places = np.cumsum(weights[order]) - weights[order] / 2
    return np.interp(PLACES, places, values[order])
