from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_incremental.layers.closed_form_head import ClosedFormHead
from keras_incremental.layers.feature_checks import check_positive
from keras_incremental.statistics.shrinkage import EVIDENCE
from keras_incremental.statistics.shrinkage import OAS
from keras_incremental.statistics.shrinkage import shrunk
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config


@export
class StreamingLDA(ClosedFormHead):
    """Linear discriminant analysis for a growing number of classes.

    Each class is a normal distribution around its mean, and all classes share
    one covariance. Means and covariance are exact for any order of the data.
    The scores are log densities, up to a term that all classes share, so
    their softmax gives probabilities.

    The covariance is the covariance within classes. The code of the authors
    also adds the distance of the first sample of each class from 0.

    Reference:
    - [Hayes & Kanan, 2020](https://arxiv.org/abs/1909.01520), streaming LDA;
      [Hannart & Naveau, 2014](https://doi.org/10.1016/j.jmva.2014.06.001),
      `"evidence"`; [Chen et al., 2010](https://arxiv.org/abs/0907.4698),
      `"oas"`

    Args:
        units: Int, or a list of ints, one for each group in order of
            arrival: the number of classes, 1 or more.
        shrinkage: Float above 0 and up to 1, `"evidence"` or `"oas"`. The
            part of the covariance that is replaced by a sphere of the same
            mean variance. A larger value trusts the covariance less, as is
            right with few samples; 1 gives the nearest class mean.
            `"evidence"` is the part under which the samples are most
            probable, by the eigenvalues; `"oas"` takes a formula of traces
            instead. Defaults to `"evidence"`.
        priors: Bool. Whether classes with more samples are more probable.
            Defaults to `False`.
        scale: Float above 0. Multiplies the scores. Defaults to `1.0`.
        **kwargs: Arguments of `ClosedFormHead`.

    Input shape:
        `(batch_size, ..., input_dim)`.

    Output shape:
        `(batch_size, ..., units)`.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> body = keras.Sequential([keras.Input((2,)), keras.layers.Rescaling(2)])
    >>> model = keras.Sequential([body, StreamingLDA(2)])
    >>> x = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 4.0], [0.0, 5.0]])
    >>> model.layers[-1].adapt(body.predict(x, verbose=0), [0, 0, 1, 1])
    >>> model.predict(x, verbose=0).argmax(-1).tolist()
    [0, 0, 1, 1]
    """

    def __init__(
        self,
        units: int | Sequence[int],
        shrinkage: float | str = EVIDENCE,
        priors: bool = False,
        **kwargs,
    ):
        super().__init__(units, **kwargs)
        if shrinkage not in (EVIDENCE, OAS):
            check_positive(self, "shrinkage", shrinkage, most=1)
        self.shrinkage = shrinkage
        self.priors = bool(priors)

    def solve(self, statistics: Any) -> dict[str, np.ndarray]:
        count, center = len(statistics), statistics.mean
        covariance = shrunk(
            statistics.scatter / count,
            self.shrinkage,
            count,
            statistics.freedom,
        )
        # Distances to the common mean give the same classes in float32 too.
        steps = (statistics.means - center).T
        kernel = np.linalg.solve(covariance, steps)
        bias = -0.5 * np.sum(steps * kernel, axis=0) - center @ kernel
        if self.priors:
            bias = bias + np.log(statistics.counts / count)
        return {"kernel": self.scale * kernel, "bias": self.scale * bias}

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "shrinkage": self.shrinkage,
            "priors": self.priors,
        }
