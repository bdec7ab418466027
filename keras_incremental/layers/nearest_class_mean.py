from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_incremental.layers.closed_form_head import ClosedFormHead
from keras_incremental.statistics.class_means import ClassMeans
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor

# The least number that float32 holds in full.
SMALLEST = float(np.finfo("float32").tiny)


@export
class NearestClassMean(ClosedFormHead):
    """Nearest class mean classifier; nothing is trained.

    Scores are the cosines between the feature and the mean of each class.
    All features are scaled to length 1 first. The class with the largest
    score has the nearest mean. Adapted to the exemplars alone, it is the
    nearest mean of exemplars of iCaRL: after each phase of training, call
    `reset` and adapt to the exemplars of all classes. iCaRL averages each
    image with its mirror image: adapt to the features of both.

    Reference:
    - [Mensink et al., 2013](https://hal.science/hal-00817211), nearest class
      mean; [Rebuffi et al., 2017](https://arxiv.org/abs/1611.07725), of
      exemplars

    Args:
        units: Int, or a list of ints, one for each group in order of
            arrival: the number of classes, 1 or more.
        normalize: Bool. Whether features and means have length 1. If not,
            the score is `2 f . mean - |mean|^2`, largest at the least
            Euclidean distance. Defaults to `True`.
        scale: Float above 0. Multiplies the scores; larger values make a
            softmax over them surer. Defaults to `10.0`.
        **kwargs: Arguments of `ClosedFormHead`.

    Input shape:
        `(batch_size, ..., input_dim)`.

    Output shape:
        `(batch_size, ..., units)`.

    Example:

    >>> import numpy as np
    >>> head = NearestClassMean(2)
    >>> head.adapt(np.array([[2.0, 0.0], [1.0, 0.0], [0.0, 5.0]]), [0, 0, 1])
    >>> np.asarray(head(np.array([[3.0, 4.0]]))).round(3).tolist()
    [[6.0, 8.0]]
    """

    statistics_class = ClassMeans

    def __init__(
        self,
        units: int | Sequence[int],
        normalize: bool = True,
        scale: float = 10.0,
        **kwargs,
    ):
        self.normalize = bool(normalize)
        super().__init__(units, scale=scale, **kwargs)

    @property
    def normalizes(self) -> bool:
        """Bool. Whether the kernel reads features of length 1."""
        return self.normalize

    def represent(self, features: Tensor, numpy: Any) -> Tensor:
        return unit(features, numpy) if self.normalize else features

    def plain_representation(
        self, inputs: keras.KerasTensor
    ) -> keras.KerasTensor:
        if not self.normalize:
            return inputs
        # As `unit` below does: squares of large features would overflow.
        features = ops.cast(inputs, "float32")
        largest = ops.max(ops.absolute(features), axis=-1, keepdims=True)
        scaled = features / ops.maximum(largest, SMALLEST)
        return keras.layers.UnitNormalization(dtype="float32")(scaled)

    def solve(self, statistics: Any) -> dict[str, np.ndarray]:
        if self.normalize:
            means = unit(statistics.means, np)
            bias = np.zeros(len(means))
        else:
            means = 2 * statistics.means
            bias = -np.square(statistics.means).sum(-1)
        return {"kernel": self.scale * means.T, "bias": self.scale * bias}

    def get_config(self) -> Config:
        return {**super().get_config(), "normalize": self.normalize}


def unit(vectors: Tensor, numpy: Any) -> Tensor:
    """Returns vectors of length 1, by `numpy` or `keras.ops`."""
    # Squares of large features would overflow in float32, small ones vanish.
    largest = numpy.max(numpy.absolute(vectors), axis=-1, keepdims=True)
    vectors = vectors / numpy.where(largest > 0, largest, 1.0)
    squared = numpy.sum(numpy.square(vectors), axis=-1, keepdims=True)
    return vectors / numpy.sqrt(numpy.maximum(squared, 1e-24))
