import numpy as np

from keras_incremental.layers import splits
from keras_incremental.layers.column_initializers import ColumnInitializer
from keras_incremental.layers.expandable_dense import ExpandableDense


def divide(head, parent, shares):
    """Adds classes that take shares of what an old class has.

    Each new column starts as a copy of that of the parent, with its bias
    moved by `log(share)`, and the bias of the parent goes down by
    `log(1 - sum(shares))`. So the probabilities of the parent and its
    children add up to what the parent had, and all others stay as they are,
    until training moves them. (`ExpandableDense.expand(parents=...)` keeps
    the sum for good.)

    With the background as parent and shares of `1 / (m + 1)` for `m` new
    classes, this is how MiB starts them.

    Compile the model anew afterwards.

    Reference:
    - [Cermelli et al., 2020](https://arxiv.org/abs/2002.00718), MiB

    Args:
        head: Built `ExpandableDense` with biases.
        parent: Int, the index of the old class.
        shares: List of floats above 0, one for each new class, that add up
            to less than 1. A larger share starts a class more probable.

    Raises:
        TypeError: if the head is no `ExpandableDense`.
        ValueError: if it has no biases, if there is no such class, if the
            class is part of a split, or if the shares leave nothing.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> head = ExpandableDense(2, kernel_initializer="zeros")
    >>> head.build((None, 4))
    >>> divide(head, parent=0, shares=[0.25, 0.25])
    >>> logits = head(np.ones((1, 4), "float32"))
    >>> keras.ops.convert_to_numpy(keras.ops.softmax(logits))[0].round(3)
    array([0.25 , 0.5  , 0.125, 0.125], dtype=float32)
    """
    _check_head(head)
    _check_parent(head, parent)
    shares = _checked_shares(shares)
    kernel, bias = head.columns("kernel"), head.columns("bias")
    columns = {
        "kernel": np.repeat(kernel[:, parent, None], len(shares), 1),
        "bias": (bias[parent] + np.log(shares)).astype(bias.dtype),
    }
    head.expand(len(shares), _Given(columns))
    bias = head.columns("bias")
    bias[parent] += np.log1p(-np.sum(shares))
    head.assign_columns("bias", bias)


class _Given(ColumnInitializer):
    """Columns that are known already."""

    def __init__(self, columns):
        self.columns = columns

    def __call__(self, columns, units, seed):
        return self.columns


def _check_head(head):
    if not isinstance(head, ExpandableDense):
        raise TypeError(
            "`divide` shifts the biases of an ExpandableDense. Received: "
            f"head={head!r}. Give that of the model, by `find_head(model)`."
        )
    if not head.use_bias:
        raise ValueError(
            f"The head '{head.name}' has no biases, which a share is made "
            "of. Build it with `use_bias=True`."
        )


def _check_parent(head, parent):
    family = splits.layout_of(head.parents).roots
    whole = isinstance(parent, (int, np.integer))
    if not whole or not 0 <= parent < head.units:
        raise ValueError(
            f"`parent` of `divide` must be one of the {head.units} classes. "
            f"Received: parent={parent!r}."
        )
    if np.sum(family == family[parent]) > 1:
        raise ValueError(
            f"Class {parent} of '{head.name}' is part of a split. Received: "
            f"parent={parent}. Divide it by `head.expand(units, "
            f"parents=[{parent}])`."
        )


def _checked_shares(shares):
    found = np.asarray(shares, "float64")
    fits = found.ndim == 1 and len(found) and np.all(found > 0)
    if not fits or not found.sum() < 1:
        raise ValueError(
            "`shares` of `divide` must be floats above 0, one for each new "
            f"class, that add up to less than 1. Received: shares={shares}."
        )
    return found
