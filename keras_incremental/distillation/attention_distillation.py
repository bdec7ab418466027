from collections.abc import Sequence

from keras import ops

from keras_incremental.distillation.map_term import MapTerm
from keras_incremental.distillation.reading import read
from keras_incremental.distillation.reading import read_teacher
from keras_incremental.utils.export import export
from keras_incremental.utils.vectors import absolute
from keras_incremental.utils.vectors import unit


@export
class AttentionDistillation(MapTerm):
    """Keeps where the network looks for the teacher's first answer.

    Obsolete: its numbers were never reproduced in public, and it adds little
    to `SoftmaxDistillation`, which it goes with. It is here to be compared.

    The attention is the map of the old class that the teacher finds likeliest,

        Q = relu(maps @ kernel[:, class])

    scaled to length 1; the term is the summed absolute difference of the
    student's and the teacher's, the mean over samples. For a linear head on
    global average pooling that is Grad-CAM exactly, up to a factor that the
    scaling takes off, and needs no gradient of a gradient. Other networks
    are not supported: the last map must be what is averaged.

    Reference:
    - [Dhar et al., 2019](https://arxiv.org/abs/1811.08051), LwM

    Args:
        layers: Names of layers, of which the last is read, or `"auto"`, the
            ends of the stages. Defaults to `"auto"`.
        weight: Float, 0 or more. Defaults to `1.0`.
        schedule: See `Term`. Defaults to `"constant"`.

    Raises:
        ValueError: if the last map has not the channels that the head reads.
    """

    reads = ("maps", "kernel", "logits")

    def __init__(
        self,
        layers: str | Sequence[str] = "auto",
        weight: float = 1.0,
        schedule: str = "constant",
    ):
        super().__init__(layers, weight, schedule)

    def compute_loss(self, teacher_outputs, student_outputs, labels=None):
        top = ops.argmax(read_teacher(teacher_outputs, "logits"), axis=-1)
        taught = attention(
            read_teacher(teacher_outputs, "maps")[-1],
            read_teacher(teacher_outputs, "kernel"),
            top,
        )
        given = attention(
            read(student_outputs, "maps")[-1],
            read(student_outputs, "kernel"),
            top,
        )
        difference = absolute(given - taught)
        return ops.mean(ops.sum(difference, axis=-1))


def attention(maps, kernel, classes):
    """Where each map speaks for a class, a vector of length 1.

    Args:
        maps: Tensor `(batch_size, height, width, channels)`.
        kernel: Tensor `(channels, num_classes)`.
        classes: Tensor of ints `(batch_size,)`.

    Returns:
        Tensor `(batch_size, height * width)`, zeros where no place speaks
        for the class.
    """
    if maps.shape[-1] != kernel.shape[0]:
        raise ValueError(
            "AttentionDistillation needs a linear head on the average of the "
            f"last map. Received: maps of {maps.shape[-1]} channels, a kernel "
            f"for {kernel.shape[0]} features. Name the averaged layer by "
            "`layers`."
        )
    columns = ops.take(ops.transpose(kernel), classes, axis=0)
    spoken = ops.einsum("bhwc,bc->bhw", maps, columns)
    return unit(ops.relu(ops.reshape(spoken, (ops.shape(spoken)[0], -1))))
