"""Sums of the distances of samples from the mean of their class.

Each class here is one kind of scatter: what statistics keep besides counts
and means.
"""

import numpy as np


class NoScatter:
    """No scatter: counts and means are all that is kept.

    Attributes:
        ndim: Int, the rank of the scatter.
    """

    ndim = 0

    @staticmethod
    def of(centered: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Returns the scatter of distances `(num_samples, features)`."""
        return np.zeros(())

    @staticmethod
    def between(weights: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """Returns the scatter of one weighted distance for each class."""
        return np.zeros(())

    @staticmethod
    def padded(scatter: np.ndarray, num_classes: int) -> np.ndarray:
        """Returns the scatter, padded to a number of classes."""
        return scatter

    @staticmethod
    def only(scatter: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Returns the scatter of some classes."""
        return scatter

    @staticmethod
    def without(
        scatter: np.ndarray, gone: np.ndarray, share: float
    ) -> np.ndarray:
        """Returns the scatter without the removed classes.

        Args:
            scatter: Array.
            gone: Bools of shape `(num_classes,)`, the removed classes.
            share: Float from 0 to 1, the share of samples that stay.
        """
        return scatter * share


class SharedScatter(NoScatter):
    """One matrix for all classes, of shape `(features, features)`."""

    ndim = 2

    @staticmethod
    def of(centered: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return centered.T @ centered

    @staticmethod
    def between(weights: np.ndarray, steps: np.ndarray) -> np.ndarray:
        return (steps * weights[:, None]).T @ steps


class ClassScatter(NoScatter):
    """One matrix a class, of shape `(num_classes, features, features)`."""

    ndim = 3

    @staticmethod
    def of(centered: np.ndarray, labels: np.ndarray) -> np.ndarray:
        parts = [centered[labels == k] for k in range(labels.max() + 1)]
        return np.stack([part.T @ part for part in parts])

    @staticmethod
    def between(weights: np.ndarray, steps: np.ndarray) -> np.ndarray:
        scaled = steps * weights[:, None]
        return scaled[:, :, None] * steps[:, None, :]

    @staticmethod
    def padded(scatter: np.ndarray, num_classes: int) -> np.ndarray:
        return padded(scatter, num_classes)

    @staticmethod
    def only(scatter: np.ndarray, classes: np.ndarray) -> np.ndarray:
        return scatter[classes]

    @staticmethod
    def without(
        scatter: np.ndarray, gone: np.ndarray, share: float
    ) -> np.ndarray:
        return np.where(gone[:, None, None], 0.0, scatter)


def padded(array: np.ndarray, length: int) -> np.ndarray:
    """Pads an array with zeros to a length."""
    missing = (0, length - len(array))
    return np.pad(array, [missing] + [(0, 0)] * (array.ndim - 1))
