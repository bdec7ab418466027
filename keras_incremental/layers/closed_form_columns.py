"""What the columns of a closed-form head are before it saw anything."""

import numpy as np

from keras_incremental.layers.column_initializers import ColumnInitializer

# The score of a class that was never seen; finite, so that a softmax is too.
UNSEEN = -1e9


class Unseen(ColumnInitializer):
    """Columns of classes that were never adapted to."""

    def __call__(self, columns, units, seed):
        return {
            name: np.full((*v.shape[:-1], units), start(name), v.dtype)
            for name, v in columns.items()
        }


def start(name):
    """The value of all columns of that name."""
    return UNSEEN if name == "bias" else 0.0


def check_positive(head, name, value, most=np.inf):
    """Refuses an argument of a head that is no number above 0."""
    number = isinstance(value, (int, float, np.number))
    if isinstance(value, bool) or not number or not 0 < value <= most:
        wanted = "above 0" if most == np.inf else f"above 0 and up to {most}"
        raise ValueError(
            f"`{name}` of {type(head).__name__} must be a number {wanted}. "
            f"Received: {name}={value!r}."
        )
