from keras import ops

from keras_incremental.distillation.reading import read
from keras_incremental.distillation.reading import read_teacher
from keras_incremental.distillation.term import Term


class MapTerm(Term):
    """A term that reads the outputs of layers, as maps.

    Args:
        layers: Names of layers, or `"auto"`: the last layer of each size of
            map.
        weight: Float, 0 or more.
        schedule: See `Term`.
    """

    reads = ("maps",)

    def __init__(self, layers, weight, schedule):
        super().__init__(weight, schedule)
        self.layers = checked_layers(layers, type(self).__name__)

    def get_config(self):
        return {**super().get_config(), "layers": self.layers}


class MeanOverMaps(MapTerm):
    """The mean over layers of what a map is from the teacher's."""

    only_below_head = True

    def compute_loss(self, teacher_outputs, student_outputs, labels=None):
        taught = read_teacher(teacher_outputs, "maps")
        given = read(student_outputs, "maps")
        distances = [
            self.distance(a, b) for a, b in zip(given, taught, strict=True)
        ]
        return ops.mean(ops.stack(distances))

    def distance(self, given, taught):
        """The distance of two maps of the same layer.

        Args:
            given: Tensor `(batch_size, height, width, channels)`.
            taught: Tensor of the same shape, the teacher's.

        Returns:
            Tensor, of each sample or a scalar.
        """
        raise NotImplementedError


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
