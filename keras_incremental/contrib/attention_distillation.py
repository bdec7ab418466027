from collections.abc import Sequence

from keras import ops

from keras_incremental.distillation.map_term import MapTerm
from keras_incremental.distillation.outputs import student_output
from keras_incremental.distillation.outputs import teacher_output
from keras_incremental.distillation.term import Outputs
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Tensor
from keras_incremental.utils.vectors import absolute
from keras_incremental.utils.vectors import unit


@export
class AttentionDistillation(MapTerm):
    """Keeps the attention map of the class that the teacher predicts.

    Obsolete: the results of the paper were never reproduced in public, and
    the term adds little to `SoftmaxDistillation`. It is provided for
    comparisons.

    The attention is the class activation map of the old class with the
    largest logit of the teacher,

        Q = relu(maps @ kernel[:, class])

    normalized to unit length. The term is the sum of the absolute
    differences between student and teacher, averaged over samples. For a
    linear head on global average pooling, this is Grad-CAM up to a factor
    that the normalization removes, and it needs no second derivative. Other
    networks are not supported: the head must read the average of the last
    map.

    Reference:
    - [Dhar et al., 2019](https://arxiv.org/abs/1811.08051), LwM

    Args:
        layers: Names of layers, of which the last is used, or `"auto"` for
            the last layer of each stage. Defaults to `"auto"`.
        weight: Float, 0 or more. Defaults to `1.0`.
        schedule: See `Term`. Defaults to `"constant"`.

    Raises:
        ValueError: if the last map and the kernel of the head have different
            numbers of channels.
    """

    reads = ("maps", "kernel", "logits")

    def __init__(
        self,
        layers: str | Sequence[str] = "auto",
        weight: float = 1.0,
        schedule: str = "constant",
    ):
        super().__init__(layers, weight, schedule)

    def compute_loss(
        self,
        teacher_outputs: Outputs,
        student_outputs: Outputs,
        labels: Tensor | None = None,
    ) -> Tensor:
        top = ops.argmax(teacher_output(teacher_outputs, "logits"), axis=-1)
        teacher = attention(
            teacher_output(teacher_outputs, "maps")[-1],
            teacher_output(teacher_outputs, "kernel"),
            top,
        )
        student = attention(
            student_output(student_outputs, "maps")[-1],
            student_output(student_outputs, "kernel"),
            top,
        )
        difference = absolute(student - teacher)
        return ops.mean(ops.sum(difference, axis=-1))


def attention(maps: Tensor, kernel: Tensor, classes: Tensor) -> Tensor:
    """Computes the normalized class activation map of each sample.

    Args:
        maps: Tensor `(batch_size, height, width, channels)`.
        kernel: Tensor `(channels, num_classes)`.
        classes: Tensor of ints `(batch_size,)`.

    Returns:
        Tensor `(batch_size, height * width)` of unit length, or of zeros if
        the map is nowhere positive.
    """
    if maps.shape[-1] != kernel.shape[0]:
        raise ValueError(
            "AttentionDistillation needs a linear head on the average of the "
            f"last map. Received: maps of {maps.shape[-1]} channels, a kernel "
            f"for {kernel.shape[0]} features. Name the averaged layer in "
            "`layers`."
        )
    columns = ops.take(ops.transpose(kernel), classes, axis=0)
    scores = ops.einsum("bhwc,bc->bhw", maps, columns)
    return unit(ops.relu(ops.reshape(scores, (ops.shape(scores)[0], -1))))
