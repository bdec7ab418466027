"""Sums of the distances of samples from the mean of their class.

Each class here is one kind of scatter: what statistics keep besides counts
and means.
"""

import numpy as np

# Share of a scatter that sums of float64 may leave of what is taken out.
ROUNDING = 1e-12


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

    @classmethod
    def joined(
        cls,
        one: np.ndarray,
        two: np.ndarray,
        sign: int,
        weights: np.ndarray,
        steps: np.ndarray,
    ) -> np.ndarray:
        """Returns the scatter of two sets of samples around common means.

        Args:
            one: Scatter of the first set.
            two: Scatter of the second set.
            sign: Int, `-1` where the second set is taken out of the first.
            weights: Array of shape `(num_classes,)`, see `between`.
            steps: Array of shape `(num_classes, features)`, the distances
                between the means of both.
        """
        joined = one + sign * two + cls.between(weights, steps)
        return joined if sign > 0 else without_rounding(joined, one)

    @staticmethod
    def padded(scatter: np.ndarray, num_classes: int) -> np.ndarray:
        """Returns the scatter, padded to a number of classes."""
        return scatter

    @staticmethod
    def only(scatter: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Returns the scatter of some classes."""
        return scatter

    @staticmethod
    def scaled(scatter: np.ndarray, factor: float) -> np.ndarray:
        """Returns the scatter of so many times as many samples."""
        return scatter * factor

    @classmethod
    def without(
        cls, scatter: np.ndarray, gone: np.ndarray, share: float
    ) -> np.ndarray:
        """Returns the scatter without the removed classes.

        Args:
            scatter: Array.
            gone: Bools of shape `(num_classes,)`, the removed classes.
            share: Float from 0 to 1, the share of samples that stay.
        """
        return cls.scaled(scatter, share)


class SharedScatter(NoScatter):
    """One matrix for all classes, of shape `(features, features)`."""

    ndim = 2

    @staticmethod
    def of(centered: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return centered.T @ centered

    @staticmethod
    def between(weights: np.ndarray, steps: np.ndarray) -> np.ndarray:
        return (steps * weights[:, None]).T @ steps


class RowScatter(NoScatter):
    """Rows whose outer products add up to one matrix for all classes.

    They have the shape `(num_rows, features)`, and take less room than the
    matrix where there are more features than rows.
    """

    ndim = 2

    @staticmethod
    def of(centered: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return centered[centered.any(-1)]

    @staticmethod
    def between(weights: np.ndarray, steps: np.ndarray) -> np.ndarray:
        rows = np.sqrt(weights)[:, None] * steps
        return rows[rows.any(-1)]

    @classmethod
    def joined(
        cls,
        one: np.ndarray,
        two: np.ndarray,
        sign: int,
        weights: np.ndarray,
        steps: np.ndarray,
    ) -> np.ndarray:
        if sign < 0:
            raise ValueError(
                "Samples cannot be taken out of statistics of so many "
                f"features. Received: {steps.shape[-1]} features. Add up the "
                "statistics of the samples that stay."
            )
        return np.concatenate([one, two, cls.between(weights, steps)])

    @staticmethod
    def scaled(scatter: np.ndarray, factor: float) -> np.ndarray:
        return scatter * np.sqrt(factor)


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

    @classmethod
    def without(
        cls, scatter: np.ndarray, gone: np.ndarray, share: float
    ) -> np.ndarray:
        return np.where(gone[:, None, None], 0.0, scatter)


def padded(array: np.ndarray, length: int) -> np.ndarray:
    """Pads an array with zeros to a length."""
    missing = (0, length - len(array))
    return np.pad(array, [missing] + [(0, 0)] * (array.ndim - 1))


def without_rounding(left: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Returns zeros for matrices that are only what rounding has left.

    Args:
        left: Scatter, after samples were taken out.
        whole: Scatter, before.
    """
    if left.ndim < 2:
        return left
    traces = [np.trace(x, axis1=-2, axis2=-1) for x in (left, whole)]
    is_left = traces[0] > ROUNDING * traces[1]
    return np.where(is_left[..., None, None], left, 0.0)
