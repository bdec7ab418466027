from keras import ops

from keras_incremental.distillation.global_targets import global_targets
from keras_incremental.distillation.global_targets import likely_origin
from keras_incremental.distillation.reading import mean_over
from keras_incremental.distillation.reading import read
from keras_incremental.distillation.reading import read_labels
from keras_incremental.distillation.reading import read_teacher
from keras_incremental.distillation.term import Term
from keras_incremental.losses.merged_distillation import (
    distillation_crossentropy,
)
from keras_incremental.utils.export import export


@export
class GlobalDistillation(Term):
    """Keeps an old network and one of the new classes, also on other pictures.

    Three parts are added:

    - distillation of the teacher into the old classes, and of the specialist
      into the new ones, each times `temperature**2` and its share of the
      classes, on all samples;
    - crossentropy with the targets that both teachers make together
      (`global_targets`), on samples without a label (-1) alone.

    Reference:
    - [Lee et al., 2019](https://arxiv.org/abs/1903.12648). There, how a
      picture was found says whether it is like an old class, a new one or
      neither; here the surer of the teachers does.

    Args:
        temperature: Float above 0, of the first two parts. A larger value
            also compares the small probabilities. Defaults to `2.0`.
        threshold: Float from 0 to 1. A picture of which neither teacher is
            as sure is like neither. Defaults to `0.5`.
        weight: Float, 0 or more. Defaults to `1.0`.
        schedule: See `Term`. Defaults to `"constant"`.
    """

    needs_specialist = True

    def __init__(
        self,
        temperature: float = 2.0,
        threshold: float = 0.5,
        weight: float = 1.0,
        schedule: str = "constant",
    ):
        super().__init__(weight, schedule)
        if not 0 < temperature < float("inf"):
            raise ValueError(
                "`temperature` of GlobalDistillation must be a finite number "
                f"above 0. Received: temperature={temperature}."
            )
        if not 0 <= threshold <= 1:
            raise ValueError(
                "`threshold` of GlobalDistillation must be a probability. "
                f"Received: threshold={threshold}."
            )
        self.temperature = float(temperature)
        self.threshold = float(threshold)

    def compute_loss(self, teacher_outputs, student_outputs, labels=None):
        old = read_teacher(teacher_outputs, "logits")
        new = read_teacher(teacher_outputs, "specialist")
        given = read(student_outputs, "logits")
        labels = read_labels(labels, type(self).__name__)
        num_old = old.shape[-1]
        return (
            self._kept(old, given[:, :num_old], given)
            + self._kept(new, given[:, num_old:], given)
            + mean_over(self._together(old, new, given), labels < 0)
        )

    def get_config(self):
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "threshold": self.threshold,
        }

    def _kept(self, teacher, part, given):
        each = distillation_crossentropy(teacher, part, self.temperature)
        share = part.shape[-1] / given.shape[-1]
        return ops.mean(each) * self.temperature**2 * share

    def _together(self, old, new, given):
        old, new = _probabilities(old), _probabilities(new)
        origin = likely_origin(old, new, self.threshold)
        targets = ops.stop_gradient(global_targets(old, new, origin))
        return -ops.sum(targets * ops.log_softmax(given), axis=-1)


def _probabilities(logits):
    # Keras warns of a softmax over a single class.
    return ops.exp(ops.log_softmax(logits))
