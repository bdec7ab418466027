from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_incremental.layers import group_layout
from keras_incremental.layers import ridge as regressions
from keras_incremental.layers.closed_form_head import ClosedFormHead
from keras_incremental.layers.feature_checks import check_positive
from keras_incremental.statistics.class_covariances import ClassCovariances
from keras_incremental.statistics.feature_statistics import FeatureStatistics
from keras_incremental.statistics.units import units_of
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Shape
from keras_incremental.utils.types import Tensor


@export
class AnalyticDense(ClosedFormHead):
    """A `Dense` layer that is solved by ridge regression on one-hot labels.

    The weights are those of one regression on all features that the head was
    adapted to, up to rounding, for any order and any chunks of the data.
    Recursive least squares gives the same weights, but needs float64 and
    costs more.

    With an `expansion`, the head reads `relu(f R)` of the features `f`, where
    R is a fixed random matrix. This is a wider, nonlinear representation, as
    in RanPAC and, with a uniform distribution, in ACIL. With a
    `compensation`, a second regression on `tanh(f R)` fits the residual of
    the first one, as in DS-AL. There each phase has its own residual. Here
    it is the residual of all data, so the order of the classes does not
    matter.

    Reference:
    - [Zhuang et al., 2022](https://arxiv.org/abs/2205.14922), ACIL;
      [McDonnell et al., 2023](https://arxiv.org/abs/2307.02251), RanPAC;
      [Zhuang et al., 2024](https://arxiv.org/abs/2403.17503), DS-AL
    - [MacKay, 1992](https://doi.org/10.1162/neco.1992.4.3.415), the evidence;
      RanPAC chooses the ridge anew in each phase by a part of its data that
      is held out

    Args:
        units: Int, or a list of ints, one for each group in order of
            arrival: the number of classes, 1 or more.
        ridge: Float above 0, the strength of a plain ridge regression as a
            part of the mean eigenvalue of the Gram matrix, or `"evidence"`:
            the penalty under which the labels are most probable (type-II
            maximum likelihood), in its strength and in how much less it may
            shrink where features vary much. It is found from the statistics
            alone, also with fewer samples than features, as in the head that
            `learn` solves. A larger value shrinks the weights. Defaults to
            `"evidence"`.
        expansion: Int or `None`. Width M of the random features; time grows
            with its cube and memory with its square (M = 4096: 134 MB).
            Defaults to `None`: the features as they are.
        compensation: Float above 0 or `None`. Weight of the second
            regression, 0.6 to 1.5 in the paper; doubles the width. Needs an
            `expansion`. Defaults to `None`.
        balanced: Bool. Whether all classes count the same, however many
            samples they have. Keeps one matrix for each class. Defaults to
            `False`.
        intercept: Bool. Whether there is a bias. Defaults to `True`.
        scale: Float above 0. Multiplies the scores, which are about 0 to 1
            without it; a larger value makes a softmax over them surer.
            Defaults to `10.0`.
        seed: Int, of the random matrix. Defaults to `0`.
        **kwargs: Arguments of `ClosedFormHead`.

    Input shape:
        `(batch_size, ..., input_dim)`.

    Output shape:
        `(batch_size, ..., units)`.

    Example:

    >>> import numpy as np
    >>> features, labels = np.eye(3), np.array([0, 1, 1])
    >>> head = AnalyticDense(2, ridge=0.01)
    >>> head.adapt(features, labels)
    >>> head.expand(1)
    >>> head.adapt(-features, [2, 2, 2])
    >>> np.asarray(head(features)).argmax(-1).tolist()
    [0, 1, 1]
    """

    statistics_options = ("expansion", "compensation", "balanced", "seed")

    def __init__(
        self,
        units: int | Sequence[int],
        ridge: float | str = regressions.EVIDENCE,
        expansion: int | None = None,
        compensation: float | None = None,
        balanced: bool = False,
        intercept: bool = True,
        scale: float = 10.0,
        seed: int = 0,
        **kwargs,
    ):
        self.expansion = expansion
        self.compensation = compensation
        self.balanced = bool(balanced)
        self.statistics_class = (
            ClassCovariances if balanced else FeatureStatistics
        )
        super().__init__(units, scale=scale, **kwargs)
        self.ridge = ridge
        self.intercept = bool(intercept)
        self.seed = seed
        self._check_arguments()

    @property
    def random_kernel(self) -> np.ndarray | None:
        """Array: the random matrix R of the expansion, or `None`."""
        constants = self.constants()
        if not constants:
            return None
        return ops.convert_to_numpy(constants["random_kernel"])

    def constants(self) -> dict[str, keras.Variable]:
        if self.expansion is None or not self.built:
            return {}
        return {"random_kernel": self._random_kernel}

    def column_shapes(
        self, input_dim: int, units: int
    ) -> dict[str, tuple[int, ...]]:
        width = self.expansion or input_dim
        if self.compensation is not None:
            width *= 2
        return super().column_shapes(width, units)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        if self.expansion is not None:
            shape = (self.input_dim, self.expansion)
            self._random_kernel = self.add_weight(
                name="random_kernel",
                shape=shape,
                initializer=lambda shape, dtype=None: ops.convert_to_tensor(
                    random_kernel(shape, self.seed), dtype
                ),
                trainable=False,
                autocast=False,
            )

    def represent(self, features: Tensor, numpy: Any) -> Tensor:
        if self.expansion is None:
            return features
        own = self._random_kernel if numpy is ops else self.random_kernel
        projected = numpy.matmul(features, own)
        expanded = numpy.maximum(projected, 0)
        if self.compensation is None:
            return expanded
        return numpy.concatenate([expanded, numpy.tanh(projected)], axis=-1)

    def plain_representation(
        self, inputs: keras.KerasTensor
    ) -> keras.KerasTensor:
        if self.expansion is None:
            return inputs
        layer = keras.layers.Dense(
            self.expansion,
            use_bias=False,
            dtype="float32",
            name=f"{self.name}_expansion",
        )
        projected = layer(inputs)
        layer.set_weights([self.random_kernel])
        expanded = keras.layers.Activation("relu", dtype="float32")(projected)
        if self.compensation is None:
            return expanded
        others = keras.layers.Activation("tanh", dtype="float32")(projected)
        return keras.layers.Concatenate(dtype="float32")([expanded, others])

    def solve(self, statistics: Any) -> dict[str, np.ndarray]:
        num_samples = len(statistics)
        if self.balanced:
            statistics = statistics.balanced()
        sums, center, shares = regressions.regression(
            statistics, self.intercept, num_samples
        )
        units = None
        if self.ridge == regressions.EVIDENCE:
            squares = np.diag(sums.gram)
            units = units_of(squares, statistics.means, num_samples)
        if units is None:
            kernel = self._kernel(sums)
        else:
            kernel = self._kernel(sums.in_units(units)) / units[:, None]
        bias = shares - center @ kernel
        return {"kernel": self.scale * kernel, "bias": self.scale * bias}

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "ridge": self.ridge,
            "expansion": self.expansion,
            "compensation": self.compensation,
            "balanced": self.balanced,
            "intercept": self.intercept,
            "seed": self.seed,
        }

    def _kernel(self, sums):
        if self.compensation is None:
            return regressions.fit(sums, self.ridge)
        old, new = slice(self.expansion), slice(self.expansion, None)
        main = regressions.fit(sums.part(old), self.ridge)
        rest = regressions.fit(sums.residual(main, old, new), self.ridge)
        return np.concatenate([main, self.compensation * rest])

    def _check_arguments(self):
        if self.ridge != regressions.EVIDENCE:
            check_positive(self, "ridge", self.ridge)
        if self.expansion is not None:
            group_layout.check_units(self.expansion, "an `expansion`")
        if self.compensation is not None:
            check_positive(self, "compensation", self.compensation)
            if self.expansion is None:
                raise ValueError(
                    "`compensation` of AnalyticDense needs random features. "
                    f"Received: compensation={self.compensation}, "
                    "expansion=None. Give `expansion` an int too."
                )


def random_kernel(shape: tuple[int, int], seed: int) -> np.ndarray | None:
    """Returns normal numbers with a variance of `1 / shape[0]`."""
    drawn = np.random.default_rng(seed).standard_normal(shape)
    return (drawn / np.sqrt(shape[0])).astype("float32")
