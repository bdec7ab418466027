from collections.abc import Sequence

from keras import ops

from keras_incremental.distillation.outputs import student_output
from keras_incremental.distillation.outputs import teacher_output
from keras_incremental.distillation.term import Outputs
from keras_incremental.distillation.term import Term
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor


class MapTerm(Term):
    """Base class of terms that read feature maps.

    Args:
        layers: Names of layers, or `"auto"` for the last layer of each
            feature map size.
        weight: Float, 0 or more.
        schedule: See `Term`.
    """

    reads: tuple[str, ...] = ("maps",)

    def __init__(
        self, layers: str | Sequence[str], weight: float, schedule: str
    ):
        super().__init__(weight, schedule)
        self.layers = checked_layers(layers, type(self).__name__)

    def get_config(self) -> Config:
        return {**super().get_config(), "layers": self.layers}


class MeanOverMaps(MapTerm):
    """Base class of mean distances between feature maps of all layers."""

    only_below_head = True

    def compute_loss(
        self,
        teacher_outputs: Outputs,
        student_outputs: Outputs,
        labels: Tensor | None = None,
    ) -> Tensor:
        teacher = teacher_output(teacher_outputs, "maps")
        student = student_output(student_outputs, "maps")
        distances = [
            self.distance(a, b) for a, b in zip(student, teacher, strict=True)
        ]
        return ops.mean(ops.stack(distances))

    def distance(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Computes the distance between two maps of the same layer.

        Args:
            student: Tensor `(batch_size, height, width, channels)`.
            teacher: Tensor of the same shape.

        Returns:
            Tensor of shape `(batch_size,)`, or scalar.
        """
        raise NotImplementedError


def checked_layers(layers: str | Sequence[str], owner: str) -> str | list[str]:
    """Returns `"auto"` or a list of layer names, or raises a `ValueError`."""
    if layers == "auto":
        return layers
    names = [layers] if isinstance(layers, str) else list(layers)
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError(
            f'`layers` of {owner} must be "auto" or a list of layer names. '
            f"Received: layers={layers!r}."
        )
    return names
