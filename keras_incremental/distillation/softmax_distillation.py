"""Terms that compare softmax outputs with those of the teacher."""

from collections.abc import Sequence

from keras import ops

from keras_incremental.distillation.outputs import masked_mean
from keras_incremental.distillation.outputs import phase_of
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
from keras_incremental.losses.shapes import logits_at
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor


@export
class SoftmaxDistillation(Term):
    """Keeps the softmax output of the old classes.

    The term is the crossentropy between teacher and student at a
    temperature, over the old classes only. New classes have no effect. Its
    gradient is zero if the old logits agree up to a constant; its value is
    then the entropy of the teacher. See
    `losses.distillation_crossentropy`.

    Reference:
    - [Li and Hoiem, 2016](https://arxiv.org/abs/1606.09282), Learning
      without Forgetting

    Args:
        temperature: Float above 0. A larger value gives small probabilities
            more weight. Defaults to `2.0`.
        scale: Boolean. Whether to multiply by `temperature**2`, so that the
            size of the gradient does not depend on the temperature. Divide
            the weight of a paper by it. Defaults to `False`.
        weight: Float, 0 or more. Without exemplars, 3 or 10 may work better.
            Defaults to `1.0`.
        schedule: See `Term`. Defaults to `"constant"`.

    Example:

    >>> import numpy as np
    >>> term = SoftmaxDistillation(temperature=1.0)
    >>> teacher = {"logits": np.zeros((1, 2))}
    >>> student = {"logits": np.zeros((1, 3))}
    >>> round(float(term.compute_loss(teacher, student)), 4)
    0.6931
    """

    def __init__(
        self,
        temperature: float = 2.0,
        scale: bool = False,
        weight: float = 1.0,
        schedule: str = "constant",
    ):
        super().__init__(weight, schedule)
        self.temperature = checked_temperature(temperature, type(self).__name__)
        self.scale = bool(scale)

    def compute_loss(
        self,
        teacher_outputs: Outputs,
        student_outputs: Outputs,
        labels: Tensor | None = None,
    ) -> Tensor:
        return self._mean_loss(
            teacher_output(teacher_outputs, "logits"),
            student_output(student_outputs, "logits"),
        )

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "scale": self.scale,
        }

    def _mean_loss(self, teacher, student):
        return ops.mean(
            distillation_crossentropy(
                teacher, student, self.temperature, scale=self.scale
            )
        )


@export
class GroupDistillation(SoftmaxDistillation):
    """Keeps the softmax output within each group of old classes.

    Each group of classes that arrived together has a softmax of its own. The
    crossentropies of all old groups are added. The logits of one group may
    move against those of another. With a single old group, this is
    `SoftmaxDistillation`.

    Reference:
    - [Castro et al., 2018](https://arxiv.org/abs/1807.09536), EEIL, without
      `scale`
    - [Ahn et al., 2021](https://arxiv.org/abs/2003.13947), SS-IL, with it

    Args:
        temperature: Float above 0. A larger value gives small probabilities
            more weight. Defaults to `2.0`.
        scale: Boolean. Whether to multiply by `temperature**2`. Defaults to
            `False`.
        weight: Float, 0 or more. Defaults to `1.0`.
        schedule: See `Term`. Defaults to `"constant"`.
    """

    def compute_loss(
        self,
        teacher_outputs: Outputs,
        student_outputs: Outputs,
        labels: Tensor | None = None,
    ) -> Tensor:
        teacher = teacher_output(teacher_outputs, "logits")
        student = student_output(student_outputs, "logits")
        losses = [
            self._mean_loss(teacher[..., group], student[..., group])
            for group in phase_of(self).old_groups
        ]
        return sum(losses, start=0.0)


@export
class MergedDistillation(Term):
    """Keeps the softmax output of classes that were split.

    The probabilities of a new class and of its parent are added before they
    are compared with the teacher: "police car" and "car" together stay as
    probable as "car" was. A new class without a parent is dropped. Samples
    or pixels whose label contradicts the teacher are ignored: those of a new
    class that the teacher does not predict as its parent. See
    `losses.DistillationCrossentropy`.

    Reference:
    - [Cermelli et al., 2020](https://arxiv.org/abs/2002.00718), for new
      classes that were part of the background

    Args:
        parents: List of ints, one for each new class: the index of the old
            class that it was part of, or -1.
        temperature: Float above 0. Defaults to `2.0`.
        weight: Float, 0 or more. Defaults to `1.0`.
        schedule: See `Term`. Defaults to `"constant"`.

    Example:

    >>> import numpy as np
    >>> term = MergedDistillation(parents=[1], temperature=1.0)
    >>> teacher = {"logits": np.zeros((1, 2))}
    >>> student = {"logits": np.log([[0.5, 0.25, 0.25]])}
    >>> round(float(term.compute_loss(teacher, student, np.array([0]))), 4)
    0.6931
    """

    def __init__(
        self,
        parents: Sequence[int],
        temperature: float = 2.0,
        weight: float = 1.0,
        schedule: str = "constant",
    ):
        super().__init__(weight, schedule)
        self.parents = [int(parent) for parent in parents]
        self.temperature = checked_temperature(temperature, type(self).__name__)

    def compute_loss(
        self,
        teacher_outputs: Outputs,
        student_outputs: Outputs,
        labels: Tensor | None = None,
    ) -> Tensor:
        teacher = teacher_output(teacher_outputs, "logits")
        student = student_output(student_outputs, "logits")
        if labels is not None:
            teacher, student = (
                logits_at(labels, z) for z in (teacher, student)
            )
        mapping = [*range(teacher.shape[-1]), *self.parents]
        losses = distillation_crossentropy(
            teacher, student, self.temperature, mapping
        )
        if labels is None:
            return ops.mean(losses)
        labels = ops.reshape(ops.cast(labels, "int32"), ops.shape(losses))
        return masked_mean(losses, self._agrees(labels, teacher))

    def _agrees(self, labels, teacher):
        """Returns a mask of the labels that do not contradict the teacher."""
        num_old = teacher.shape[-1]
        predicted = ops.cast(ops.argmax(teacher, axis=-1), "int32")
        agrees = ops.ones_like(labels, dtype="bool")
        for index, parent in enumerate(self.parents, start=num_old):
            contradicts = ops.logical_and(
                ops.equal(labels, index), ops.not_equal(predicted, parent)
            )
            agrees = ops.logical_and(agrees, ops.logical_not(contradicts))
        return agrees

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "parents": self.parents,
            "temperature": self.temperature,
        }
