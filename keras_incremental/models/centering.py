"""Training a linear head in coordinates where its inputs are centered.

Features of a pretrained network are mostly positive: their mean is by far
their largest component, and a column that is pulled towards a new class is
pulled towards every class. Taking the mean off, and training an equivalent
head, cures that. The stored head stays in the coordinates of the network.
"""

import contextlib
import dataclasses

import keras
import numpy as np
from keras import ops


@dataclasses.dataclass(frozen=True)
class Coordinates:
    """Where the features of a head are counted from, and in what unit.

    Attributes:
        mean: Array of shape `(features,)`.
        scale: Float above 0.
    """

    mean: np.ndarray
    scale: float = 1.0

    def of(self, features):
        """Features in these coordinates."""
        mean = ops.convert_to_tensor(self.mean, features.dtype)
        return (features - mean) / self.scale


class CenteredFeatures(keras.layers.Layer):
    """From inputs to the features that a head in other coordinates reads.

    Args:
        upper: Model below the head, or `None`.
        coordinates: `Coordinates`.
    """

    def __init__(self, upper, coordinates):
        super().__init__()
        self.upper = upper
        self._coordinates = coordinates

    def call(self, inputs, training=None):
        if self.upper is not None:
            inputs = self.upper(inputs, training=training)
        return self._coordinates.of(inputs)


@contextlib.contextmanager
def centered(head, coordinates):
    """Holds the head, inside the block, in centered coordinates.

    With `u = (features - mean) / scale`, the same logits come from the
    kernel `scale * kernel` and the bias `bias + mean @ kernel`. Columns of
    frozen groups come back to the bit. With no coordinates, nothing is moved.
    """
    if coordinates is None:
        yield
        return
    mean, scale = coordinates.mean, coordinates.scale
    before = _columns(head)
    kernel = before["kernel"].astype("float64")
    head.assign_columns("kernel", kernel * scale)
    head.assign_columns("bias", before["bias"] + mean @ kernel)
    yield
    after = _in_network(head, coordinates)
    frozen = sum(head.group_sizes[: head.frozen_groups])
    for name, value in after.items():
        value[..., :frozen] = before[name][..., :frozen]
        head.assign_columns(name, value)


@contextlib.contextmanager
def uncentered(head, coordinates):
    """Holds a centered head, inside the block, in those of the network.

    Afterwards it is as it was, to the bit.
    """
    if coordinates is None:
        yield
        return
    before = _columns(head)
    for name, value in _in_network(head, coordinates).items():
        head.assign_columns(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            head.assign_columns(name, value)


def _columns(head):
    return {name: head.columns(name) for name in ("kernel", "bias")}


def _in_network(head, coordinates):
    """Returns the columns that a centered head has without coordinates."""
    kernel = head.columns("kernel").astype("float64") / coordinates.scale
    bias = head.columns("bias") - coordinates.mean @ kernel
    return {"kernel": kernel, "bias": bias}


def can_center(head):
    """Whether moving to other coordinates leaves the loss as it is."""
    plain = all(variable.regularizer is None for variable in head.weights)
    return plain and head.is_affine
