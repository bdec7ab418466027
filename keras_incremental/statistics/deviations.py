"""How the samples of each class lie around its mean, without any of them."""

import dataclasses
from typing import Self

import numpy as np

from keras_incremental.statistics.feature_statistics import FeatureStatistics
from keras_incremental.statistics.left_out import WhitenedMeans
from keras_incremental.statistics.scatter import padded
from keras_incremental.utils.types import Store

# Quantiles of the distances of a class, and mixtures of its deviations.
LEVELS, MIXTURES = 32, 8
PLACES = (np.arange(LEVELS) + 0.5) / LEVELS
DRAWS = 8 * LEVELS


@dataclasses.dataclass(frozen=True, eq=False)
class Deviations:
    """What tells how far samples of known classes may lie from their mean.

    Of each class it has quantiles of the squared Mahalanobis distances of its
    samples, each left out in turn of the mean and the covariance, and a few
    random mixtures of their deviations from the mean, none of which is of one
    sample. The quantiles say how heavy the tails are, and are taken relative
    to their mean; the mixtures say how large the distances are and where they
    point, for any later covariance. A class of one sample has neither.

    Attributes:
        counts: Ints of shape `(classes,)`, of how many samples; 0 for none.
        quantiles: Array of shape `(classes, LEVELS)`, ascending, of mean 1.
        mixtures: Array of shape `(classes, MIXTURES, features)`. The sum of
            their outer products is near the covariance of the class.
    """

    counts: np.ndarray
    quantiles: np.ndarray
    mixtures: np.ndarray

    ARRAYS = ("counts", "quantiles", "mixtures")

    @classmethod
    def empty(cls, width: int) -> "Deviations":
        """Returns those of no class.

        Args:
            width: Int. The number of features.
        """
        return cls(
            np.zeros(0, int),
            np.zeros((0, LEVELS)),
            np.zeros((0, MIXTURES, width), "float32"),
        )

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
        labels = np.asarray(labels)
        counts = padded(self.counts, len(statistics.counts))
        quantiles = padded(self.quantiles, len(counts))
        mixtures = padded(self.mixtures, len(counts))
        means = WhitenedMeans.of(statistics)
        for label in np.unique(labels):
            count = statistics.counts[label]
            if count < 2:
                continue
            rows = np.asarray(features)[labels == label].astype("float64")
            steps = rows - statistics.means[label]
            lengths = means.left_out_lengths(steps, count)
            found = _relative(np.sort(lengths))
            mixed = steps / np.sqrt(len(rows))
            if counts[label]:
                shares = _shares(counts[label], len(rows))
                both = quantiles[label], found
                found = _relative(_joined_quantiles(both, shares))
                # By so much the mean of the earlier samples moved.
                moved = steps.sum(0) / max(count - len(rows), 1)
                parts = mixtures[label], moved[None]
                roots = np.sqrt(shares)
                mixed = np.concatenate(
                    [roots[0] * part for part in parts] + [roots[1] * mixed]
                )
            quantiles[label] = found
            counts[label] += len(rows)
            mixtures[label] = _mixed(mixed, [int(label), int(counts[label])])
        return dataclasses.replace(
            self, counts=counts, quantiles=quantiles, mixtures=mixtures
        )

    def without(self, classes: np.ndarray) -> Self:
        """Returns the deviations without those of some classes."""
        gone = np.isin(np.arange(len(self.counts)), classes)
        return dataclasses.replace(
            self,
            counts=np.where(gone, 0, self.counts),
            quantiles=np.where(gone[:, None], 0.0, self.quantiles),
            mixtures=np.where(gone[:, None, None], 0.0, self.mixtures).astype(
                "float32"
            ),
        )

    def measured(self, statistics: FeatureStatistics) -> np.ndarray:
        """Returns which classes of statistics it knows, bools."""
        size = len(statistics.counts)
        counts = padded(self.counts[:size], size)
        return (statistics.counts > 1) & (counts > 0)

    def drawn(
        self, statistics: FeatureStatistics
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns what scores of new samples of the known classes are like.

        A sample of a class is drawn from its mixtures, at one of its
        distances. It is then left out as one that is in the statistics is.

        Args:
            statistics: `FeatureStatistics` of now.

        Returns:
            Distances, discriminants and labels, of shape `(draws,)`, equally
            many of each class that it has measured.
        """
        means = WhitenedMeans.of(statistics)
        labels = np.flatnonzero(self.measured(statistics))
        found = [self._drawn_of(means, label, statistics) for label in labels]
        if not found:
            return np.zeros(0), np.zeros(0), np.zeros(0, int)
        distances, discriminants = map(np.concatenate, zip(*found, strict=True))
        return distances, discriminants, np.repeat(labels, DRAWS)

    def _drawn_of(self, means, label, statistics):
        count = statistics.counts[label]
        mixtures = means.white(self.mixtures[label])
        level = np.square(mixtures).sum()
        lengths = means.lengths_within(self.quantiles[label], level, count)
        lengths = np.repeat(lengths, DRAWS // LEVELS)
        weights = np.random.default_rng(int(label)).standard_normal(
            (DRAWS, MIXTURES)
        )
        own = np.einsum("ij,jk,ik->i", weights, mixtures @ mixtures.T, weights)
        weights *= np.sqrt(lengths / np.where(own > 0, own, 1))[:, None]
        products = weights @ (mixtures @ means.means.T)
        return means.left_out(lengths, products, label, count)

    def save_to(self, store: Store, prefix: str) -> None:
        """Writes the arrays into a store, nothing where there are none."""
        for name in self.ARRAYS if self.counts.any() else ():
            store[prefix + name] = getattr(self, name)

    @classmethod
    def load_from(cls, store: Store, width: int, prefix: str) -> "Deviations":
        """Returns what `save_to` wrote, or those of no class.

        Raises:
            ValueError: if the arrays are not such ones.
        """
        if prefix + cls.ARRAYS[0] not in set(store.keys()):
            return cls.empty(width)
        found = cls(*(np.asarray(store[prefix + name]) for name in cls.ARRAYS))
        size = len(found.counts)
        fits = (
            found.counts.shape == (size,)
            and found.counts.dtype.kind == "i"
            and found.quantiles.shape == (size, LEVELS)
            and found.mixtures.shape == (size, MIXTURES, width)
            and np.isfinite(found.quantiles).all()
            and np.isfinite(found.mixtures).all()
            and (found.counts >= 0).all()
            and (found.quantiles >= 0).all()
        )
        if not fits:
            raise ValueError(
                f"{found.counts.shape} counts, {found.quantiles.shape} "
                f"quantiles and {found.mixtures.shape} mixtures"
            )
        return found


def _relative(lengths):
    """Returns quantiles of ascending squared distances, of mean 1."""
    places = (np.arange(len(lengths)) + 0.5) / len(lengths)
    values = np.interp(PLACES, places, lengths)
    mean = values.mean()
    return values / mean if mean > 0 else np.ones(LEVELS)


def _shares(*counts):
    return np.array(counts) / sum(counts)


def _joined_quantiles(parts, shares):
    """Returns quantiles of two distributions with shares of the samples."""
    values = np.concatenate(parts)
    weights = np.repeat(shares / LEVELS, LEVELS)
    order = np.argsort(values, kind="stable")
    places = np.cumsum(weights[order]) - weights[order] / 2
    return np.interp(PLACES, places, values[order])


def _mixed(rows, seed):
    """Returns a few mixtures of rows, with nearly the same outer products.

    Rows are added up with random signs. What is left then tells no more than
    the sum of its outer products does, so none is of a single row.
    """
    blocks = -(-len(rows) // MIXTURES)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], len(rows))
    rows = padded(signs[:, None] * rows, blocks * MIXTURES)
    added = rows.reshape(blocks, MIXTURES, -1).sum(0)
    return padded(np.linalg.qr(added, mode="r"), MIXTURES).astype("float32")
