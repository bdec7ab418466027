from keras import ops

from keras_incremental.contrib.global_targets import global_targets
from keras_incremental.contrib.global_targets import likely_origin
from keras_incremental.distillation.outputs import int_labels
from keras_incremental.distillation.outputs import masked_mean
from keras_incremental.distillation.outputs import student_output
from keras_incremental.distillation.outputs import teacher_output
from keras_incremental.distillation.term import Outputs
from keras_incremental.distillation.term import Term
from keras_incremental.losses.distillation_crossentropy import (
    checked_temperature,
)
from keras_incremental.losses.distillation_crossentropy import (
    distillation_crossentropy,
)
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor


@export
class GlobalDistillation(Term):
    """Distills a network of old and one of new classes, also without labels.

    The term is the sum of three parts:

    - distillation of the teacher into the old classes and of the expert
      into the new classes, on all samples. Each is multiplied by
      `temperature**2` and by its share of the classes;
    - crossentropy with the joint targets of both teachers
      (`global_targets`), on samples with the label -1.

    Reference:
    - [Lee et al., 2019](https://arxiv.org/abs/1903.12648). There, the way an
      image was collected decides whether it is like an old class, a new
      class or neither. Here the more confident teacher decides.

    Args:
        temperature: Float above 0, of the first two parts. A larger value
            gives small probabilities more weight. Defaults to `2.0`.
        threshold: Float from 0 to 1. A sample belongs to neither teacher if
            both have a smaller confidence. Defaults to `0.5`.
        weight: Float, 0 or more. Defaults to `1.0`.
        schedule: See `Term`. Defaults to `"constant"`.
    """

    teacher_reads = ("expert",)

    def __init__(
        self,
        temperature: float = 2.0,
        threshold: float = 0.5,
        weight: float = 1.0,
        schedule: str = "constant",
    ):
        super().__init__(weight, schedule)
        if not 0 <= threshold <= 1:
            raise ValueError(
                "`threshold` of GlobalDistillation must be from 0 to 1. "
                f"Received: threshold={threshold}."
            )
        self.temperature = checked_temperature(temperature, type(self).__name__)
        self.threshold = float(threshold)

    def compute_loss(
        self,
        teacher_outputs: Outputs,
        student_outputs: Outputs,
        labels: Tensor | None = None,
    ) -> Tensor:
        old = teacher_output(teacher_outputs, "logits")
        new = teacher_output(teacher_outputs, "expert")
        student = student_output(student_outputs, "logits")
        labels = int_labels(labels, type(self).__name__)
        num_old = old.shape[-1]
        return (
            self._distill(old, student[:, :num_old], student)
            + self._distill(new, student[:, num_old:], student)
            + masked_mean(self._joint(old, new, student), labels < 0)
        )

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "threshold": self.threshold,
        }

    def _distill(self, teacher, part, student):
        losses = distillation_crossentropy(
            teacher, part, self.temperature, scale=True
        )
        return ops.mean(losses) * part.shape[-1] / student.shape[-1]

    def _joint(self, old, new, student):
        old, new = _probabilities(old), _probabilities(new)
        origin = likely_origin(old, new, self.threshold)
        targets = ops.stop_gradient(global_targets(old, new, origin))
        return -ops.sum(targets * ops.log_softmax(student), axis=-1)


def _probabilities(logits):
    # Keras warns about a softmax over a single class.
    return ops.exp(ops.log_softmax(logits))
