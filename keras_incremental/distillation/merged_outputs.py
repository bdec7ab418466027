from keras import ops

from keras_incremental.distillation.reading import mean_over
from keras_incremental.distillation.reading import read
from keras_incremental.distillation.reading import read_teacher
from keras_incremental.distillation.term import Term
from keras_incremental.losses.merged_distillation import (
    distillation_crossentropy,
)
from keras_incremental.losses.merged_distillation import merge_logits
from keras_incremental.losses.resizing import logits_at
from keras_incremental.utils.export import export


@export
class MergedOutputs(Term):
    """Keeps what the teacher says, where new classes came out of old ones.

    A new class and the old one that it was part of are added up before they
    are compared with the teacher: "police car" and "car" together are as
    probable as "car" was. A class that was part of none is left out. That is
    `losses.MergedDistillation`, at every sample or pixel but those where
    the annotation contradicts the teacher: labeled with a new class, but
    taken by the teacher for something else than what that class was.

    Reference:
    - [Cermelli et al., 2020](https://arxiv.org/abs/2002.00718), for classes
      that come out of the background

    Args:
        parents: List of ints, for each new class the index of the old one
            that it was part of, or -1.
        temperature: Float above 0. Defaults to `2.0`.
        weight: Float, 0 or more. Defaults to `1.0`.
        schedule: See `Term`. Defaults to `"constant"`.

    Example:

    >>> import numpy as np
    >>> term = MergedOutputs(parents=[1], temperature=1.0)
    >>> teacher = {"logits": np.zeros((1, 2))}
    >>> student = {"logits": np.log([[0.5, 0.25, 0.25]])}
    >>> round(float(term.compute_loss(teacher, student, np.array([0]))), 4)
    0.6931
    """

    def __init__(
        self, parents, temperature=2.0, weight=1.0, schedule="constant"
    ):
        super().__init__(weight, schedule)
        self.parents = [int(parent) for parent in parents]
        if not temperature > 0:
            raise ValueError(
                "`temperature` of MergedOutputs must be above 0. Received: "
                f"temperature={temperature}."
            )
        self.temperature = float(temperature)

    def compute_loss(self, teacher_outputs, student_outputs, labels=None):
        taught = read_teacher(teacher_outputs, "logits")
        given = read(student_outputs, "logits")
        if labels is not None:
            taught, given = (logits_at(labels, z) for z in (taught, given))
        num_old = taught.shape[-1]
        merged = merge_logits(given, [*range(num_old), *self.parents], num_old)
        losses = distillation_crossentropy(taught, merged, self.temperature)
        if labels is None:
            return ops.mean(losses)
        labels = ops.reshape(ops.cast(labels, "int32"), ops.shape(losses))
        return mean_over(losses, self._agrees(labels, taught))

    def _agrees(self, labels, taught):
        """Where no annotation says that the teacher is wrong."""
        num_old = taught.shape[-1]
        guess = ops.cast(ops.argmax(taught, axis=-1), "int32")
        agrees = ops.ones_like(labels, dtype="bool")
        for index, parent in enumerate(self.parents, start=num_old):
            contradicts = ops.logical_and(
                ops.equal(labels, index), ops.not_equal(guess, parent)
            )
            agrees = ops.logical_and(agrees, ops.logical_not(contradicts))
        return agrees

    def get_config(self):
        return {
            **super().get_config(),
            "parents": self.parents,
            "temperature": self.temperature,
        }
