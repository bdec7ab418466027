from collections.abc import Sequence

from keras import ops

from keras_incremental.distillation.map_term import MeanOverMaps
from keras_incremental.utils.export import export
from keras_incremental.utils.vectors import distance
from keras_incremental.utils.vectors import unit


@export
class PooledOutputs(MeanOverMaps):
    """Keeps where, and in which channels, the stages of a network respond.

    Each map is squared and summed over its width, and over its height. Both
    sums, as one vector of length 1, are compared with the teacher's by their
    distance; the mean is taken over maps and samples. Sums leave the network
    free to move a response along a row or a column.

    The paper adds `FeatureMatching("cosine", weight=1.0,
    schedule="sqrt_all_per_new")` and the loss `losses.NCALoss`.

    Reference:
    - [Douillard et al., 2020](https://arxiv.org/abs/2004.13513), PODNet. It
      takes stages before their last activation, here they are as the layers
      give them.

    Args:
        layers: Names of layers whose outputs are compared, or `"auto"`: the
            last layer of each size of map. Defaults to `"auto"`.
        weight: Float, 0 or more. The paper has 3 on CIFAR-100 and 8 on
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

    def distance(self, given, taught):
        return distance(pooled(given), pooled(taught))


def pooled(maps):
    """What is compared of one map: a vector of length 1 for each sample.

    Args:
        maps: Tensor `(batch_size, height, width, channels)`.

    Returns:
        Tensor `(batch_size, (height + width) * channels)`, zeros for a map
        of zeros.
    """
    energy = ops.square(maps)
    return unit(
        ops.concatenate(
            [_flat(ops.sum(energy, axis=2)), _flat(ops.sum(energy, axis=1))],
            axis=-1,
        )
    )


def _flat(values):
    # The size of a map may be unknown, as that of its batch.
    return ops.reshape(values, (ops.shape(values)[0], -1))
