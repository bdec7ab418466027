"""A kernel and a bias, the columns of a linear head."""

import dataclasses
import functools

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


@dataclasses.dataclass(frozen=True)
class TurnedColumns:
    """Columns of features along a basis, that predict from the features.

    The kernel is turned back when it is first asked for: several heads may
    be solved before one of them predicts.

    Attributes:
        basis: Array of shape `(features, features)`, orthonormal.
        along: `LinearColumns` of `features @ basis`.
    """

    basis: np.ndarray
    along: LinearColumns

    @functools.cached_property
    def kernel(self) -> np.ndarray:
        """Array of shape `(features, classes)`, of float32."""
        turned = (self.along.kernel.T @ self.basis.T).T
        return turned.astype("float32")

    @property
    def bias(self) -> np.ndarray:
        """Array of shape `(classes,)`, of float32."""
        return self.along.bias.astype("float32")

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Returns the logits of samples."""
        return features @ self.kernel + self.bias
