from collections.abc import Sequence

from keras import ops

from keras_incremental.distillation.reading import read
from keras_incremental.distillation.reading import read_teacher
from keras_incremental.distillation.term import Term
from keras_incremental.utils.export import export
from keras_incremental.utils.vectors import distance
from keras_incremental.utils.vectors import unit


@export
class PooledOutputs(Term):
    """Keeps where, and in which channels, the stages of a network respond.

    Each map is squared and summed over its width, and over its height. Both
    sums, as one vector of length 1, are compared with the teacher's by their
    distance; the mean is taken over maps and samples. Sums leave the network
    free to move a response along a row or a column.

    The paper adds `FeatureDistillation("cosine", weight=1.0,
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
        schedule: As of `Term`. Defaults to `"sqrt_all_per_new"`.

    Example:

    >>> import numpy as np
    >>> outputs = {"maps": [np.ones((1, 2, 2, 3))]}
    >>> float(PooledOutputs().compute_loss(outputs, outputs))
    0.0
    """

    reads = ("maps",)
    only_below_head = True

    def __init__(
        self,
        layers: str | Sequence[str] = "auto",
        weight: float = 3.0,
        schedule: str = "sqrt_all_per_new",
    ):
        super().__init__(weight, schedule)
        self.layers = checked_layers(layers, type(self).__name__)

    def compute_loss(self, teacher_outputs, student_outputs, labels=None):
        taught = read_teacher(teacher_outputs, "maps")
        given = read(student_outputs, "maps")
        distances = [
            distance(pooled(a), pooled(b))
            for a, b in zip(given, taught, strict=True)
        ]
        return ops.mean(ops.stack(distances))

    def get_config(self):
        return {**super().get_config(), "layers": self.layers}


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


def checked_layers(layers, owner):
    """`"auto"`, or a list of names of layers."""
    if layers == "auto":
        return layers
    names = [layers] if isinstance(layers, str) else list(layers)
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError(
            f'`layers` of {owner} must be "auto" or names of layers. '
            f"Received: layers={layers!r}."
        )
    return names


def _flat(values):
    # The size of a map may be unknown, as that of its batch.
    return ops.reshape(values, (ops.shape(values)[0], -1))
