"""A kernel and a bias, the columns of a linear head."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class LinearColumns:
    """A column of a kernel and a bias for each class.

    Attributes:
        kernel: Array of shape `(features, classes)`.
        bias: Array of shape `(classes,)`.
    """

    kernel: np.ndarray
    bias: np.ndarray

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Returns the logits of samples."""
        return features @ self.kernel + self.bias
