from collections.abc import Sequence

from keras import ops

from keras_incremental.distillation.map_term import MeanOverMaps
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Tensor
from keras_incremental.utils.vectors import distance
from keras_incremental.utils.vectors import unit


@export
class PooledOutputs(MeanOverMaps):
    """Keeps pooled feature maps of all stages of a network.

    Each map is squared and summed over its width and over its height. Both
    sums are concatenated and normalized to unit length. The term is the
    Euclidean distance to the vector of the teacher, averaged over maps and
    samples. The network may still move a response along a row or a column.

    The paper adds `FeatureMatching("cosine", weight=1.0,
    schedule="sqrt_all_per_new")` and the loss `losses.NCALoss`.

    Reference:
    - [Douillard et al., 2020](https://arxiv.org/abs/2004.13513), PODNet. The
      paper takes each stage before its last activation; here the outputs of
      the layers are used.

    Args:
        layers: Names of layers, or `"auto"` for the last layer of each
            feature map size. Defaults to `"auto"`.
        weight: Float, 0 or more. The paper uses 3 on CIFAR-100 and 8 on
            ImageNet. Defaults to `3.0`.
        schedule: See `Term`. Defaults to `"sqrt_all_per_new"`.

    Example:

    >>> import numpy as np
    >>> outputs = {"maps": [np.ones((1, 2, 2, 3))]}
    >>> float(PooledOutputs().compute_loss(outputs, outputs))
    0.0
    """

    def __init__(
        self,
        layers: str | Sequence[str] = "auto",
        weight: float = 3.0,
        schedule: str = "sqrt_all_per_new",
    ):
        super().__init__(layers, weight, schedule)

    def distance(self, student: Tensor, teacher: Tensor) -> Tensor:
        return distance(pooled(student), pooled(teacher))


def pooled(maps: Tensor) -> Tensor:
    """Computes the sums of a squared map over its width and its height.

    Args:
        maps: Tensor `(batch_size, height, width, channels)`.

    Returns:
        Tensor `(batch_size, (height + width) * channels)` of unit length, or
        of zeros for a map of zeros.
    """
    energy = ops.square(maps)
    return unit(
        ops.concatenate(
            [_flat(ops.sum(energy, axis=2)), _flat(ops.sum(energy, axis=1))],
            axis=-1,
        )
    )


def _flat(values):
    # The size of a map may be unknown, like its batch size.
    return ops.reshape(values, (ops.shape(values)[0], -1))
