from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from keras_incremental.losses.shapes import broadcast_weights
from keras_incremental.utils.export import export
from keras_incremental.utils.masking import mask_logits
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor


@export
class DistillationCrossentropy(keras.losses.Loss):
    """Crossentropy between the softened outputs of a teacher and a student.

    The student may have more classes than the teacher. `mapping` assigns a
    class of the teacher to each class of the student. The probabilities of
    classes with the same assignment are summed, classes without an
    assignment are dropped, and the result is compared with the teacher at a
    temperature `T`,

        q = softmax(t / T),  s[j] = logsumexp(z[k] for mapping[k] == j)
        loss = -sum(q * log_softmax(s / T))

    with the logits `t` of the teacher and `z` of the student. If both agree,
    the loss is the entropy of `q` and its gradient is zero, whatever the
    logits of new classes are. Without a mapping, this is the distillation of
    Learning without Forgetting. If new classes are mapped to the background,
    it is the distillation of MiB.

    Reference:
    - [Hinton et al., 2015](https://arxiv.org/abs/1503.02531)
    - [Li and Hoiem, 2016](https://arxiv.org/abs/1606.09282)
    - [Cermelli et al., 2020](https://arxiv.org/abs/2002.00718)

    Args:
        mapping: List of ints, one for each class of the student: the index
            of the teacher's class, or -1 for a class that the teacher does
            not have. With `None`, the first classes are those of the teacher
            and the others are new. Defaults to `None`.
        num_old: Int or `None`. Number of classes of the teacher. Defaults to
            `None`: read from `mapping`, or from the width of `y_true`.
        temperature: Float above 0. A larger value gives small probabilities
            more weight; in the limit, logits are compared. Defaults to
            `2.0`.
        scale: Boolean. Whether to multiply by `temperature**2`, so that the
            size of the gradient does not depend on the temperature. Defaults
            to `False`, as in Learning without Forgetting.
        from_logits: Boolean. Whether both arguments are logits rather than
            probabilities. Defaults to `True`.
        reduction: See `keras.losses.Loss`. Defaults to
            `"sum_over_batch_size"`.
        name: String. Defaults to `"distillation_crossentropy"`.

    Input shape:
        `y_true`: outputs of the teacher, `(batch_size, ..., num_old)`.
        `y_pred`: outputs of the student, `(batch_size, ..., num_classes)`.

    Example:

    >>> loss = DistillationCrossentropy(temperature=1.0)
    >>> teacher, student = np.zeros((1, 2)), np.zeros((1, 3))
    >>> round(float(loss(teacher, student)), 4)
    0.6931
    """

    def __init__(
        self,
        mapping: Sequence[int] | None = None,
        num_old: int | None = None,
        temperature: float = 2.0,
        scale: bool = False,
        from_logits: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str = "distillation_crossentropy",
    ):
        super().__init__(name=name, reduction=reduction, dtype="float32")
        self.mapping = _checked_mapping(mapping, num_old)
        self.num_old = max(self.mapping) + 1 if self.mapping else num_old
        self.temperature = checked_temperature(temperature, type(self).__name__)
        self.scale = scale
        self.from_logits = from_logits

    def __call__(self, y_true, y_pred, sample_weight=None):
        y_true = ops.convert_to_tensor(y_true)
        y_pred = ops.convert_to_tensor(y_pred)
        sample_weight = broadcast_weights(sample_weight, y_pred)
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        self._check_widths(y_true, y_pred)
        return distillation_crossentropy(
            self._logits(y_true),
            self._logits(y_pred),
            self.temperature,
            self.mapping,
            self.scale,
        )

    def compute_loss(
        self, teacher_outputs: Tensor, student_outputs: Tensor, **kwargs
    ) -> Tensor:
        """Computes the loss with the signature of `keras.distillation`."""
        return self(teacher_outputs, student_outputs)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "mapping": self.mapping,
            "num_old": self.num_old,
            "temperature": self.temperature,
            "scale": self.scale,
            "from_logits": self.from_logits,
        }

    def _logits(self, outputs):
        if self.from_logits:
            return outputs
        return ops.log(ops.clip(outputs, keras.config.epsilon(), 1.0))

    def _check_widths(self, y_true, y_pred):
        old, classes = y_true.shape[-1], y_pred.shape[-1]
        if self.num_old not in (None, old):
            raise ValueError(
                f"DistillationCrossentropy '{self.name}' expects a teacher of "
                f"{self.num_old} classes. Received: teacher outputs of shape "
                f"{tuple(y_true.shape)}. Pass the outputs of that teacher, or "
                "another `num_old`."
            )
        if self.mapping is not None and len(self.mapping) != classes:
            raise ValueError(
                f"`mapping` of DistillationCrossentropy '{self.name}' has "
                f"{len(self.mapping)} entries, but the student has {classes} "
                "classes. Pass one entry for each class, -1 for new ones."
            )
        if old > classes:
            raise ValueError(
                f"The teacher has {old} classes and the student only "
                f"{classes}. Expand the head of the student first, or pass a "
                "teacher from an earlier phase."
            )


def distillation_crossentropy(
    teacher_logits: Tensor,
    student_logits: Tensor,
    temperature: float = 2.0,
    mapping: Sequence[int] | None = None,
    scale: bool = False,
) -> Tensor:
    """Computes the crossentropy between softened teacher and student logits.

    There is no gradient with respect to the teacher. See
    `DistillationCrossentropy` for the formula.

    Args:
        teacher_logits: Tensor of shape `(..., num_old)`.
        student_logits: Tensor of shape `(..., num_classes)`.
        temperature: Float above 0. Defaults to `2.0`.
        mapping: List of ints, or `None`. See `merge_logits`. Defaults to
            `None`.
        scale: Boolean. Whether to multiply by `temperature**2`. Defaults to
            `False`.

    Returns:
        Tensor of shape `(...)`.
    """
    teacher = ops.stop_gradient(teacher_logits)
    student = merge_logits(student_logits, teacher.shape[-1], mapping)
    # Keras warns about a softmax over a single class.
    target = ops.exp(ops.log_softmax(teacher / temperature, axis=-1))
    log_probability = ops.log_softmax(student / temperature, axis=-1)
    losses = -ops.sum(target * log_probability, axis=-1)
    return losses * temperature**2 if scale else losses


def merge_logits(
    logits: Tensor, num_old: int, mapping: Sequence[int] | None = None
) -> Tensor:
    """Merges the logits of new classes into those of old classes.

    Args:
        logits: Tensor of shape `(..., num_classes)`.
        num_old: Int. Number of old classes.
        mapping: List of ints, one for each class: the index of the old class
            it is merged into, or -1 to drop it. With `None`, the new classes
            are dropped. Defaults to `None`.

    Returns:
        Tensor of shape `(..., num_old)`: `logsumexp` over the classes that
        are merged.
    """
    if mapping is None:
        return logits[..., :num_old]
    members, is_member = _members(mapping)
    gathered = ops.take(logits, members, axis=-1)
    if members.shape[1] == 1:
        return ops.squeeze(gathered, -1)
    return ops.logsumexp(mask_logits(gathered, is_member), axis=-1)


def checked_temperature(temperature: float, owner: str) -> float:
    """Returns `temperature` as a float, or raises a `ValueError`."""
    if not 0 < temperature < float("inf"):
        raise ValueError(
            f"`temperature` of {owner} must be a finite number above 0. "
            f"Received: temperature={temperature}."
        )
    return float(temperature)


def _members(mapping):
    """Returns padded class indices, and a mask without the padding.

    Both arrays have the shape `(num_old, most_members)`.
    """
    members = [
        np.flatnonzero(np.equal(mapping, j)) for j in range(max(mapping) + 1)
    ]
    width = max(len(indices) for indices in members)
    table = np.zeros((len(members), width), "int32")
    is_member = np.zeros((len(members), width), bool)
    for row, indices in enumerate(members):
        table[row, : len(indices)] = indices
        is_member[row, : len(indices)] = True
    return table, is_member


def _checked_mapping(mapping, num_old):
    if mapping is None:
        return None
    mapping = [int(index) for index in mapping]
    count = max(mapping, default=-1) + 1 if num_old is None else num_old
    if not count or {*mapping, -1} != {*range(-1, count)}:
        raise ValueError(
            "`mapping` of DistillationCrossentropy must name every class of "
            "the teacher at least once, and -1 for new classes. Received: "
            f"mapping={mapping}, num_old={num_old}."
        )
    return mapping
