from typing import Any
from typing import Self

import keras
import numpy as np
from keras import ops

from keras_incremental.losses import function_loss
from keras_incremental.losses.distillation_crossentropy import (
    DistillationCrossentropy,
)
from keras_incremental.losses.joined_labels import one_part
from keras_incremental.losses.joined_labels import split
from keras_incremental.losses.shapes import broadcast_weights
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import LossLike
from keras_incremental.utils.types import Tensor


@export
class LossWithTeacher(keras.losses.Loss):
    """Adds distillation to any loss, within plain `compile` and `fit`.

    The outputs of the teacher travel with the labels, in the last columns of
    `y_true`, where `keras_incremental.data.with_teacher` puts them: Keras
    takes no labels beside outputs for a model with one output. The teacher
    never becomes part of the model. The loss is

        loss(label, y_pred) + weight * distillation(teacher, y_pred)

    Wrap metrics in `keras_incremental.metrics.on_labels.OnLabels`, so that
    they see the label alone.

    Reference:
    - [Li and Hoiem, 2016](https://arxiv.org/abs/1606.09282)

    Args:
        loss: `keras.losses.Loss`, registered function, or name of a loss.
        num_old: Int, 1 or more: how many classes the teacher has. May be
            left out where `distillation` says it. Defaults to `None`.
        weight: Float, 0 or more. A larger value keeps the old classes better
            and learns the new ones less. Defaults to `1.0`.
        temperature: Float above 0, of the distillation if none is given.
            Defaults to `2.0`.
        distillation: `DistillationCrossentropy`, or any object with
            `compute_loss(teacher_outputs, student_outputs)` such as those of
            `keras.distillation`, which is given the first `num_old` logits
            of the student and knows nothing of `sample_weight`. Defaults to
            `DistillationCrossentropy` with `num_old` and `temperature`.
        from_logits: Boolean. Whether `y_pred` are logits, not probabilities.
            Defaults to what `loss` says, and to `True` if it does not say.
        name: String. Defaults to `"loss_with_teacher"`.

    Input shape:
        `y_true`: `(batch_size, ..., 1 + num_old)` with an int label first,
        or `(batch_size, ..., num_classes + num_old)` with one-hot labels.
        The last `num_old` columns are logits of the teacher. Or a tuple of
        one such tensor.
        `y_pred`: `(batch_size, ..., num_classes)`.

    Raises:
        ValueError: if `y_true` has no such shape, as when it has no outputs
            of the teacher, or if the teacher has more classes than `y_pred`.
    """

    def __init__(
        self,
        loss: LossLike,
        num_old: int | None = None,
        weight: float = 1.0,
        temperature: float = 2.0,
        distillation: Any = None,
        from_logits: bool | None = None,
        name: str = "loss_with_teacher",
    ):
        loss = function_loss.as_loss(loss)
        super().__init__(name=name, reduction=loss.reduction, dtype="float32")
        self.loss = loss
        self.num_old = _checked_num_old(num_old, distillation)
        if not np.isfinite(weight) or weight < 0:
            raise ValueError(
                "`weight` of LossWithTeacher must be a finite number of 0 "
                f"or more. Received: weight={weight}."
            )
        self.weight = float(weight)
        self.temperature = float(temperature)
        self.distillation = distillation or DistillationCrossentropy(
            num_old=self.num_old,
            temperature=temperature,
            reduction=loss.reduction,
        )
        if from_logits is None:
            from_logits = function_loss.takes_logits(loss) is not False
        self.from_logits = from_logits

    def __call__(self, y_true, y_pred, sample_weight=None):
        y_true, sample_weight = one_part(y_true), one_part(sample_weight)
        y_true = ops.cast(ops.convert_to_tensor(y_true), "float32")
        y_pred = ops.convert_to_tensor(y_pred)
        labels, teacher = self.split(y_true, y_pred)
        sample_weight = broadcast_weights(sample_weight, y_pred)
        total = self.loss(labels, y_pred, sample_weight)
        student = ops.cast(y_pred, "float32")
        if not self.from_logits:
            student = ops.log(ops.clip(student, keras.config.epsilon(), 1.0))
        return total + self.weight * self._distill(
            teacher, student, sample_weight
        )

    def split(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the labels and the teacher's logits in `y_true`."""
        classes = y_pred.shape[-1]
        if self.num_old > classes:
            raise ValueError(
                f"The teacher of LossWithTeacher '{self.name}' has "
                f"{self.num_old} classes and the student only {classes}. "
                "Expand the head of the student first."
            )
        widths = function_loss.label_widths(self.loss, classes)
        same_rank = len(y_true.shape) == len(y_pred.shape)
        if not same_rank or y_true.shape[-1] - self.num_old not in widths:
            wanted = " or ".join(str(w + self.num_old) for w in sorted(widths))
            raise ValueError(
                f"LossWithTeacher '{self.name}' takes the label and "
                f"{self.num_old} outputs of the teacher in the last dimension "
                f"of `y_true`, which is {wanted}. Received: "
                f"y_true.shape={tuple(y_true.shape)}. Add them by "
                "`with_teacher(data, teacher)`."
            )
        return split(y_true, self.num_old)

    def _distill(self, teacher, student, sample_weight):
        if isinstance(self.distillation, keras.losses.Loss):
            return self.distillation(teacher, student, sample_weight)
        return self.distillation.compute_loss(
            teacher, student[..., : self.num_old]
        )

    def get_config(self) -> Config:
        return {
            "name": self.name,
            "loss": keras.saving.serialize_keras_object(self.loss),
            "num_old": self.num_old,
            "weight": self.weight,
            "temperature": self.temperature,
            "distillation": keras.saving.serialize_keras_object(
                self.distillation
            ),
            "from_logits": self.from_logits,
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        for name in ("loss", "distillation"):
            if isinstance(config[name], dict):
                config[name] = keras.saving.deserialize_keras_object(
                    config[name]
                )
        return cls(**config)


def _checked_num_old(num_old, distillation):
    known = getattr(distillation, "num_old", None)
    num_old = known if num_old is None else num_old
    if isinstance(num_old, bool) or not isinstance(num_old, (int, np.integer)):
        raise ValueError(
            "`num_old` of LossWithTeacher must be the number of classes of "
            f"the teacher. Received: num_old={num_old}."
        )
    if num_old < 1 or known not in (None, num_old):
        raise ValueError(
            "`num_old` of LossWithTeacher must be 1 or more, and that of "
            f"`distillation`. Received: num_old={num_old}, "
            f"distillation.num_old={known}."
        )
    return int(num_old)
