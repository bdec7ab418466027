from keras_incremental.distillation.reading import phase_of
from keras_incremental.distillation.softmax_distillation import (
    SoftmaxDistillation,
)
from keras_incremental.utils.export import export


@export
class GroupDistillation(SoftmaxDistillation):
    """Keeps what the teacher says within each group of old classes.

    Classes that arrived together are compared by a softmax of their own, and
    the crossentropies of all old groups are added. How one group compares
    with another is left free. With one old group it is `SoftmaxDistillation`.

    Reference:
    - [Castro et al., 2018](https://arxiv.org/abs/1807.09536), EEIL, without
      `scale`
    - [Ahn et al., 2021](https://arxiv.org/abs/2003.13947), SS-IL, with it

    Args:
        temperature: Float above 0. A larger value also compares the small
            probabilities. Defaults to `2.0`.
        scale: Bool. Whether to multiply by `temperature**2`. Defaults to
            `False`.
        weight: Float, 0 or more. Defaults to `1.0`.
        schedule: See `Term`. Defaults to `"constant"`.
    """

    def compute_loss(self, teacher_outputs, student_outputs, labels=None):
        total = 0.0
        for group in phase_of(self).old_groups:
            total = total + super().compute_loss(
                {"logits": teacher_outputs["logits"][..., group]},
                {"logits": student_outputs["logits"][..., group]},
            )
        return total
