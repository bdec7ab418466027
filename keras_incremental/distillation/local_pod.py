from collections.abc import Sequence

import numpy as np
from keras import ops

from keras_incremental.distillation.map_term import MeanOverMaps
from keras_incremental.distillation.reading import read
from keras_incremental.distillation.reading import read_teacher
from keras_incremental.distillation.term import Term
from keras_incremental.losses.merged_distillation import merge_logits
from keras_incremental.utils.export import export
from keras_incremental.utils.vectors import distance

SCALES = (1, 2, 4)


@export
class LocalPooledOutputs(MeanOverMaps):
    """Keeps where a network responds, in the whole of a map and in its parts.

    As `PooledOutputs`, for networks that label pixels: at each scale `s` the
    squared map is cut into `s * s` tiles, and each tile is averaged over its
    width, and over its height. The distance of all these means, as one
    vector, from the teacher's is averaged over samples and maps. Means do
    not depend on the size of a picture. Rows and columns that do not divide
    by a scale belong to the tile before them, so all of a map counts.

    The paper adds `LocalPooledLogits` and pseudo-labels.

    Reference:
    - [Douillard et al., 2021](https://arxiv.org/abs/2011.11390), PLOP. Its
      code leaves out what does not divide, and most of maps that are not
      square.

    Args:
        layers: Names of layers whose outputs are compared, or `"auto"`: the
            last layer of each size of map. Defaults to `"auto"`.
        scales: Ints of 1 or more. Larger ones hold a response nearer to its
            place. Defaults to `(1, 2, 4)`.
        weight: Float, 0 or more. Defaults to `0.01`.
        schedule: See `Term`. Defaults to `"sqrt_all_per_new"`.

    Example:

    >>> import numpy as np
    >>> outputs = {"maps": [np.ones((1, 24, 40, 3))]}
    >>> float(LocalPooledOutputs().compute_loss(outputs, outputs))
    0.0
    """

    def __init__(
        self,
        layers: str | Sequence[str] = "auto",
        scales: Sequence[int] = SCALES,
        weight: float = 0.01,
        schedule: str = "sqrt_all_per_new",
    ):
        super().__init__(layers, weight, schedule)
        self.scales = _checked_scales(scales, type(self).__name__)

    def distance(self, given, taught):
        return _distance(given, taught, self.scales)

    def get_config(self):
        return {**super().get_config(), "scales": self.scales}


@export
class LocalPooledLogits(Term):
    """`LocalPooledOutputs` of the map of logits.

    The teacher took new classes for background, so the student's logits of
    new classes are merged into that of the background before they are
    compared.

    Reference:
    - [Douillard et al., 2021](https://arxiv.org/abs/2011.11390), PLOP. It
      adds the logits; here the probabilities are added, so that the term is
      0 where new classes were given a share of the background.

    Args:
        background: Int, the index of the background. Defaults to `0`.
        scales: See `LocalPooledOutputs`. Defaults to `(1, 2, 4)`.
        weight: Float, 0 or more. Defaults to `0.0005`.
        schedule: See `Term`. Defaults to `"sqrt_all_per_new"`.

    Example:

    >>> import numpy as np
    >>> teacher = {"logits": np.zeros((1, 4, 4, 2))}
    >>> student = {"logits": np.log([[[[0.5, 1.0, 0.5]] * 4] * 4])}
    >>> term = LocalPooledLogits()
    >>> round(float(term.compute_loss(teacher, student)), 6)
    0.0
    """

    def __init__(
        self,
        background: int = 0,
        scales: Sequence[int] = SCALES,
        weight: float = 0.0005,
        schedule: str = "sqrt_all_per_new",
    ):
        super().__init__(weight, schedule)
        self.background = background
        self.scales = _checked_scales(scales, type(self).__name__)

    def compute_loss(self, teacher_outputs, student_outputs, labels=None):
        taught = read_teacher(teacher_outputs, "logits")
        given = read(student_outputs, "logits")
        old = taught.shape[-1]
        if not 0 <= self.background < old:
            raise ValueError(
                "`background` of LocalPooledLogits must be one of the "
                f"teacher's {old} classes. Received: "
                f"background={self.background}."
            )
        new = [self.background] * (given.shape[-1] - old)
        merged = merge_logits(given, [*range(old), *new], old)
        return _distance(merged, taught, self.scales)

    def get_config(self):
        return {
            **super().get_config(),
            "background": self.background,
            "scales": self.scales,
        }


def locally_pooled(maps, scales=SCALES):
    """What is compared of one map: a vector for each sample.

    Args:
        maps: Tensor `(batch_size, height, width, channels)`.
        scales: Ints, into how many parts each side is cut.

    Returns:
        Tensor `(batch_size, sum(scales) * (height + width) * channels)`.
    """
    energy = ops.square(maps)
    count, height, width = ops.shape(maps)[:3]
    by_row = ops.einsum("bhwc,wj->bhjc", energy, _averages(width, scales))
    by_column = ops.einsum("bhwc,hi->biwc", energy, _averages(height, scales))
    pooled = [ops.reshape(means, (count, -1)) for means in (by_row, by_column)]
    return ops.concatenate(pooled, axis=-1)


def _distance(given, taught, scales):
    if len(given.shape) != 4:
        raise ValueError(
            "Pooling over tiles takes maps of shape (batch_size, height, "
            f"width, channels). Received: shape {tuple(given.shape)}. Use it "
            "where the network gives maps."
        )
    first, second = (locally_pooled(maps, scales) for maps in (given, taught))
    return ops.mean(distance(first, second))


def _averages(length, scales):
    """Matrix `(length, sum(scales))` that averages over the parts of a side.

    The parts cover the side; one of no length, where the side is too short,
    gives 0.
    """
    starts, ends = (
        ops.concatenate(
            [length * (np.arange(s, dtype="int32") + end) // s for s in scales]
        )
        for end in (0, 1)
    )
    places = ops.arange(length, dtype="int32")[:, None]
    inside = ops.logical_and(places >= starts, places < ends)
    lengths = ops.cast(ops.maximum(ends - starts, 1), "float32")
    return ops.cast(inside, "float32") / lengths


def _checked_scales(scales, owner):
    scales = [scales] if isinstance(scales, int) else list(scales)
    whole = all(isinstance(s, int) and s is not True for s in scales)
    if not scales or not whole or min(scales) < 1:
        raise ValueError(
            f"`scales` of {owner} must be ints of 1 or more. Received: "
            f"scales={scales}."
        )
    return scales
