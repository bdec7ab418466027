"""Exact operations on the statistics of closed-form heads."""

from typing import Any

import numpy as np
from keras import ops

from keras_incremental.utils.types import Tensor

# Arguments that two heads may differ in and yet count the same.
FREE = ("name", "dtype", "units", "max_groups", "frozen_groups", "blocks")


class ExactOperations:
    """Methods of `ClosedFormHead` that edit its statistics exactly."""

    def forget(self: Any, features: Tensor, labels: Tensor) -> None:
        """Removes features from the statistics, and solves again.

        Args:
            features: Array of features that the head was adapted to.
            labels: Ints, their labels at that time.

        Raises:
            ValueError: if a class has fewer samples than are removed.
        """
        self._solve_for(self.statistics - self._counted(features, labels))

    def relabel(self: Any, features: Tensor, old: Tensor, new: Tensor) -> None:
        """Changes the labels of features that the head was adapted to.

        It splits a class exactly, if the features are still available.

        Args:
            features: Array of shape `(num_samples, ..., input_dim)`.
            old: Int, or ints of shape `(num_samples, ...)`: the labels
                until now.
            new: Int or ints: the labels from now on.
        """
        shape = np.shape(features)[:-1]
        taken = self._counted(features, np.broadcast_to(old, shape))
        given = self._counted(features, np.broadcast_to(new, shape))
        self._solve_for(self.statistics - taken + given)

    def merge(self: Any, other: Any) -> None:
        """Adds the statistics of another head of the same class.

        Args:
            other: Head of the same class and input size, with no more
                classes. Class `k` must mean the same in both.
        """
        self._check_mergeable(other)
        if not self.built:
            self.build((None, other.input_dim))
        self._check_constants(other)
        self._solve_for(self.statistics + other.statistics)

    def _check_mergeable(self, other):
        fits = isinstance(other, ExactOperations) and other.built
        fits = fits and _kind(other) == _kind(self)
        fits = fits and other.units <= self.units
        if not fits or (self.built and self.input_dim != other.input_dim):
            raise ValueError(
                f"{type(self).__name__} '{self.name}' of {self.units} classes "
                "merges with a head of the same class, width and arguments "
                f"that has no more classes. Received: other={other!r}. "
                "`expand` this one first if the other has more."
            )

    def _check_constants(self, other):
        for name, own in self.constants().items():
            if not bool(ops.all(own == other.constants()[name])):
                raise ValueError(
                    f"{type(self).__name__} '{self.name}' merges with a head "
                    f"of the same {name}. Received: other={other!r}, which "
                    "has another. Make both with the same `seed`, or from "
                    "the same file."
                )


def _kind(head):
    """Returns what two heads must share to merge."""
    config = head.get_config()
    return type(head), {k: v for k, v in config.items() if k not in FREE}
