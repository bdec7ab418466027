"""What a closed-form head can undo, move and join without an error."""

import numpy as np
from keras import ops

# Arguments that two heads may differ in and yet count the same.
FREE = ("name", "dtype", "units", "max_groups", "frozen_groups", "blocks")


class ExactOperations:
    """Operations on the statistics of a `ClosedFormHead`."""

    def forget(self, features, labels):
        """Takes features out as if they had never been adapted to.

        Args:
            features: Array, features that were adapted to before.
            labels: Ints, the labels that they had then.

        Raises:
            ValueError: if there were fewer of a class.
        """
        self._solve_for(self.statistics - self._counted(features, labels))

    def relabel(self, features, old, new):
        """Gives features that were adapted to before another class.

        A class is split exactly by it, where its features are still there.

        Args:
            features: Array of shape `(num_samples, ..., input_dim)`.
            old: Int, or ints as `adapt` takes them: the labels until now.
            new: Int or ints: the labels from now on.
        """
        shape = np.shape(features)[:-1]
        taken = self._counted(features, np.broadcast_to(old, shape))
        given = self._counted(features, np.broadcast_to(new, shape))
        self._solve_for(self.statistics - taken + given)

    def merge(self, other):
        """Learns all that another head of the same kind was adapted to.

        Args:
            other: A head of the same class, with as many inputs and no more
                classes, the same classes at the same places.
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
    """What two heads must have in common for their statistics to be so."""
    config = head.get_config()
    return type(head), {k: v for k, v in config.items() if k not in FREE}
