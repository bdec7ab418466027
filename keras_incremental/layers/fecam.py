from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_incremental.layers.closed_form_head import ClosedFormHead
from keras_incremental.layers.feature_checks import check_positive
from keras_incremental.layers.nearest_class_mean import unit
from keras_incremental.statistics.class_covariances import ClassCovariances
from keras_incremental.statistics.feature_statistics import FeatureStatistics
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor


@export
class FeCAM(ClosedFormHead):
    """Nearest class mean by the Mahalanobis distance of each class.

    Features are raised to a power, which makes the outputs of a ReLU closer
    to normal. The score is minus the squared Mahalanobis distance between
    the feature and the class mean, both of length 1. Each covariance is
    shrunk and scaled to a correlation, so that classes are comparable.

    The authors raise the mean of the features to the power. Here it is the
    mean of the raised features. They shrink twice by 1, which equals once
    by 3.

    Reference:
    - [Goswami et al., 2023](https://arxiv.org/abs/2309.14062)

    Args:
        units: Int, or a list of ints, one for each group in order of
            arrival: the number of classes, 1 or more.
        power: Float above 0 and up to 1. A smaller value evens features out,
            1 leaves them; negative ones keep their sign. Defaults to `0.5`.
        diagonal: Float above 0. How many times the mean variance is added to
            the variances. A larger value trusts the covariance less, up to
            the nearest class mean. Defaults to `3.0`.
        off_diagonal: Float from 0 to `diagonal`. The same of the mean
            covariance and the covariances. Defaults to `3.0`.
        shared: Bool. Whether all classes have one covariance, that within
            classes: memory then grows with the square of the width, instead
            of that times the number of classes. Defaults to `False`.
        scale: Float above 0. Multiplies the scores; larger values make a
            softmax over them surer. Defaults to `10.0`.
        **kwargs: Arguments of `ClosedFormHead`.

    Input shape:
        `(batch_size, ..., input_dim)`.

    Output shape:
        `(batch_size, ..., units)`.

    Example:

    >>> import numpy as np
    >>> features = np.array([[4.0, 1.0], [9.0, 1.0], [1.0, 4.0], [1.0, 9.0]])
    >>> head = FeCAM(2)
    >>> head.adapt(features, [0, 0, 1, 1])
    >>> np.asarray(head(features)).argmax(-1).tolist()
    [0, 0, 1, 1]
    """

    statistics_options = ("power", "shared")

    def __init__(
        self,
        units: int | Sequence[int],
        power: float = 0.5,
        diagonal: float = 3.0,
        off_diagonal: float = 3.0,
        shared: bool = False,
        scale: float = 10.0,
        **kwargs,
    ):
        self.shared = bool(shared)
        self.statistics_class = (
            FeatureStatistics if shared else ClassCovariances
        )
        super().__init__(units, scale=scale, **kwargs)
        check_positive(self, "power", power, most=1)
        check_positive(self, "diagonal", diagonal)
        if off_diagonal != 0:
            # More than the diagonal, and distances may be negative.
            check_positive(self, "off_diagonal", off_diagonal, most=diagonal)
        self.power = power
        self.diagonal = diagonal
        self.off_diagonal = off_diagonal

    def column_shapes(
        self, input_dim: int, units: int
    ) -> dict[str, tuple[int, ...]]:
        if self.shared:
            return super().column_shapes(input_dim, units)
        return {
            "factor": (input_dim, input_dim, units),
            "mean": (input_dim, units),
            "bias": (units,),
        }

    def represent(self, features: Tensor, numpy: Any) -> Tensor:
        size = numpy.power(numpy.absolute(features), self.power)
        return numpy.sign(features) * size

    def plain_representation(
        self, inputs: keras.KerasTensor
    ) -> keras.KerasTensor:
        raise ValueError(
            f"FeCAM '{self.name}' raises features to a power, for which Keras "
            "has no layer. Keep the head itself."
        )

    def call_block(self, inputs: Tensor, columns: dict[str, Tensor]) -> Tensor:
        vectors = unit(inputs, ops)
        if self.shared:
            return super().call_block(vectors, columns)
        steps = ops.expand_dims(vectors, -2) - ops.transpose(columns["mean"])
        moved = ops.einsum("...kd,dek->...ke", steps, columns["factor"])
        return columns["bias"] - ops.sum(ops.square(moved), axis=-1)

    def solve(self, statistics: Any) -> dict[str, np.ndarray]:
        means = unit(statistics.means, np).T
        if not self.shared:
            factors = [self._factor(each) for each in statistics.scatter]
            return {
                "factor": np.sqrt(self.scale) * np.stack(factors, -1),
                "mean": means,
                "bias": np.zeros(means.shape[-1]),
            }
        # What the distances to all means have in common is left out.
        factor = self._factor(statistics.scatter)
        kernel = factor @ factor.T @ means
        bias = -np.sum(means * kernel, axis=0)
        return {"kernel": 2 * self.scale * kernel, "bias": self.scale * bias}

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "power": self.power,
            "diagonal": self.diagonal,
            "off_diagonal": self.off_diagonal,
            "shared": self.shared,
        }

    def _factor(self, scatter):
        # A correlation does not depend on the number of samples.
        return inverse_factor(
            correlation(scatter, self.diagonal, self.off_diagonal)
        )


def correlation(
    covariance: np.ndarray, diagonal: float, off_diagonal: float
) -> np.ndarray:
    """Returns the correlation matrix of a shrunk covariance."""
    size = len(covariance)
    variance = np.trace(covariance) / size
    if variance <= 0:
        # A class of one sample says nothing about its spread.
        return np.eye(size)
    total = covariance.sum() - size * variance
    between = off_diagonal * total / max(size * (size - 1), 1)
    larger = covariance + between
    larger[np.diag_indices(size)] += diagonal * variance - between
    deviations = np.sqrt(np.diagonal(larger))
    return larger / np.outer(deviations, deviations)


def inverse_factor(matrix: np.ndarray) -> np.ndarray:
    """Returns F, where F F^T is the inverse of `matrix`, up to 1e-8."""
    lower = np.linalg.cholesky(matrix + 1e-8 * np.eye(len(matrix)))
    return np.linalg.inv(lower).T
