import numpy as np


class ClassMeans:
    """How many pictures there were of each class, and their mean features.

    Immutable; `updated` and `+` are exact whatever the order and the chunks,
    and `-` undoes them. Subclasses keep a scatter too: what there is of the
    distances of the pictures to the means of their classes.

    Attributes:
        counts: Ints of shape `(num_classes,)`, 0 for a class never seen.
        means: Array of shape `(num_classes, features)`.
        scatter: Array, 0 here.
    """

    scatter_ndim = 0

    def __init__(self, counts=(), means=None, scatter=None):
        self.counts = np.asarray(counts, int)
        self.means = means
        self.scatter = scatter

    def __len__(self):
        return int(self.counts.sum())

    def updated(self, features, labels):
        """The statistics with more pictures.

        Args:
            features: Array of shape `(num_samples, ..., features)`; all
                positions of a map count.
            labels: Ints of shape `(num_samples,)`.

        Returns:
            New statistics of the same class.
        """
        return self + self.of(features, labels)

    @classmethod
    def of(cls, features, labels):
        """Statistics of some samples. See `updated` for the arguments."""
        features = np.asarray(features, "float64")
        positions = int(np.prod(features.shape[1:-1], initial=1))
        rows = features.reshape(-1, features.shape[-1])
        labels = np.repeat(labels, positions)
        if not len(rows):
            return cls()
        counts = np.bincount(labels)
        means = np.zeros((len(counts), rows.shape[-1]))
        for label in np.flatnonzero(counts):
            means[label] = rows[labels == label].mean(0)
        return cls(counts, means, cls.scatter_of(rows - means[labels], labels))

    def __add__(self, other):
        if not len(self.counts) or not len(other.counts):
            return self if len(self.counts) else other
        return self._joined(other, 1)

    def __sub__(self, other):
        """What is left without pictures that were counted before.

        Raises:
            ValueError: if there were fewer of a class.
        """
        size = max(len(self.counts), len(other.counts))
        left = padded(self.counts, size) - padded(other.counts, size)
        if np.any(left < 0):
            raise ValueError(
                "More pictures of a class cannot be taken out than were put "
                f"in. Received: {other.counts.tolist()} of each class to take "
                f"out of {self.counts.tolist()}."
            )
        return self._joined(other, -1) if len(other.counts) else self

    def only(self, classes):
        """The statistics of some classes, renumbered from 0."""
        scatter = self.scatter_only(classes)
        return type(self)(self.counts[classes], self.means[classes], scatter)

    def without(self, classes):
        """The statistics as if there had been no picture of some classes.

        A scatter that classes share is taken to be as large for each picture
        as before.
        """
        gone = np.isin(np.arange(len(self.counts)), classes)
        if not gone.any():
            return self
        counts = np.where(gone, 0, self.counts)
        share = counts.sum() / max(len(self), 1)
        return type(self)(
            counts,
            np.where(gone[:, None], 0.0, self.means),
            self.scatter_without(gone, share),
        )

    @property
    def mean(self):
        """Mean over all pictures, shape `(features,)`."""
        return self.counts @ self.means / len(self)

    # What a subclass keeps of the distances to the means.

    @staticmethod
    def scatter_of(centered, labels):
        """What is kept of distances of shape `(num_samples, features)`."""
        return np.zeros(())

    @staticmethod
    def scatter_between(weights, steps):
        """The same of one weighted distance for each class."""
        return np.zeros(())

    def scatter_padded(self, num_classes):
        """The scatter with room for as many classes."""
        return self.scatter

    def scatter_only(self, classes):
        """The scatter that belongs to some classes."""
        return self.scatter

    def scatter_without(self, gone, share):
        """The scatter of the classes that are not gone."""
        return self.scatter * share

    def _joined(self, other, sign):
        size = max(len(self.counts), len(other.counts))
        one, two = self._widened(size), other._widened(size)
        counts = one.counts + sign * two.counts
        share = sign * two.counts / np.maximum(counts, 1)
        steps = np.where(two.counts[:, None], two.means - one.means, 0)
        means = (one.means + share[:, None] * steps) * (counts > 0)[:, None]
        weights = one.counts * share * (counts > 0)
        between = self.scatter_between(weights, steps)
        scatter = one.scatter + sign * two.scatter + between
        return type(self)(counts, means, scatter)

    def _widened(self, num_classes):
        return type(self)(
            padded(self.counts, num_classes),
            padded(self.means, num_classes),
            self.scatter_padded(num_classes),
        )


def padded(array, length):
    """An array with zeros at the end, `length` long."""
    missing = (0, length - len(array))
    return np.pad(array, [missing] + [(0, 0)] * (array.ndim - 1))
