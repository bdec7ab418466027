from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from keras_incremental.losses.positions import spread_weights
from keras_incremental.utils.export import export

_EXCLUDED = -1e9


@export
class MergedDistillation(keras.losses.Loss):
    """Keeps the old outputs: the student answers as its teacher did.

    The student may know more classes than the teacher. `mapping` says what
    each of its classes was to the teacher; the probabilities of classes that
    were one are added up, classes that did not exist are left out, and the
    result is compared with the teacher by crossentropy at a temperature,

        q = softmax(t / T),  s[j] = logsumexp(z[k] for mapping[k] == j)
        loss = -sum(q * log_softmax(s / T))

    with the teacher's logits `t` and the student's logits `z`. Where both
    agree the loss is the entropy of `q`, and its gradient is zero, whatever
    the new classes say. With no mapping this is Learning without Forgetting;
    with new classes mapped to the background it is the distillation of MiB.

    Reference:
    - [Hinton et al., 2015](https://arxiv.org/abs/1503.02531)
    - [Li and Hoiem, 2016](https://arxiv.org/abs/1606.09282)
    - [Cermelli et al., 2020](https://arxiv.org/abs/2002.00718)

    Args:
        mapping: List of ints, one for each class of the student: the index
            of the teacher's class, or -1 for a class that the teacher did
            not have. `None` means that the first classes are the teacher's,
            and the rest are new. Defaults to `None`.
        num_old: Int or `None`. How many classes the teacher has. Defaults
            to what `mapping` says, or to the width of `y_true`.
        temperature: Float above 0. A larger value also compares the small
            probabilities, and in the limit the logits themselves. Defaults
            to `2.0`.
        scale: Boolean. Whether to multiply by `temperature**2`, which keeps
            the size of the gradient when the temperature changes. Defaults
            to `False`, as in Learning without Forgetting.
        from_logits: Boolean. Whether both arguments are logits, not
            probabilities. Defaults to `True`.
        reduction: See `keras.losses.Loss`. Defaults to
            `"sum_over_batch_size"`.
        name: String. Defaults to `"merged_distillation"`.

    Input shape:
        `y_true`: outputs of the teacher, `(batch_size, ..., num_old)`.
        `y_pred`: outputs of the student, `(batch_size, ..., num_classes)`.

    Example:

    >>> loss = MergedDistillation(temperature=1.0)
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
        name: str = "merged_distillation",
    ):
        super().__init__(name=name, reduction=reduction, dtype="float32")
        if not np.isfinite(temperature) or temperature <= 0:
            raise ValueError(
                "`temperature` of MergedDistillation must be a finite number "
                f"above 0. Received: temperature={temperature}."
            )
        self.mapping = _checked_mapping(mapping, num_old)
        self.num_old = max(self.mapping) + 1 if self.mapping else num_old
        self.temperature = float(temperature)
        self.scale = scale
        self.from_logits = from_logits

    def __call__(self, y_true, y_pred, sample_weight=None):
        y_true = ops.convert_to_tensor(y_true)
        y_pred = ops.convert_to_tensor(y_pred)
        sample_weight = spread_weights(sample_weight, y_pred)
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true, y_pred):
        self._check_widths(y_true, y_pred)
        teacher = ops.stop_gradient(self._logits(y_true))
        student = merge_logits(
            self._logits(y_pred), self.mapping, y_true.shape[-1]
        )
        loss = distillation_crossentropy(teacher, student, self.temperature)
        return loss * self.temperature**2 if self.scale else loss

    def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
        """The loss, called as one of `keras.distillation` is."""
        return self(teacher_outputs, student_outputs)

    def get_config(self):
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
                f"MergedDistillation '{self.name}' is for a teacher of "
                f"{self.num_old} classes. Received: teacher outputs of shape "
                f"{tuple(y_true.shape)}."
            )
        if self.mapping is not None and len(self.mapping) != classes:
            raise ValueError(
                f"`mapping` of MergedDistillation '{self.name}' has "
                f"{len(self.mapping)} entries, but the student has {classes} "
                "classes. Give one entry for each, -1 for new ones."
            )
        if old > classes:
            raise ValueError(
                f"The teacher has {old} classes and the student only "
                f"{classes}. Expand the head of the student first, or give a "
                "teacher from an earlier phase."
            )


def distillation_crossentropy(teacher, student, temperature):
    """Crossentropy of two sets of logits of the same width, softened.

    Args:
        teacher: Tensor of logits `(..., num_classes)`.
        student: Tensor of logits, same shape.
        temperature: Float above 0.

    Returns:
        Tensor of shape `(...)`.
    """
    target = ops.exp(ops.log_softmax(teacher / temperature, axis=-1))
    log_probability = ops.log_softmax(student / temperature, axis=-1)
    return -ops.sum(target * log_probability, axis=-1)


def merge_logits(logits, mapping, num_old):
    """Logits of the teacher's classes, from those of the student.

    Args:
        logits: Tensor `(..., num_classes)`.
        mapping: List of ints or `None`, as in `MergedDistillation`.
        num_old: Int, the number of classes of the teacher.

    Returns:
        Tensor `(..., num_old)`: the logarithm of the summed exponentials of
        the classes that belong together.
    """
    if mapping is None:
        return logits[..., :num_old]
    members, padding = _members(mapping)
    gathered = ops.take(logits, members, axis=-1)
    if members.shape[1] == 1:
        return ops.squeeze(gathered, -1)
    return ops.logsumexp(ops.where(padding, _EXCLUDED, gathered), axis=-1)


def _members(mapping):
    """Indices `(num_old, most_members)` of the student's classes, padded."""
    members = [np.flatnonzero(np.equal(mapping, j)) for j in _old(mapping)]
    width = max(len(indices) for indices in members)
    table = np.zeros((len(members), width), "int32")
    padding = np.ones((len(members), width), bool)
    for row, indices in enumerate(members):
        table[row, : len(indices)] = indices
        padding[row, : len(indices)] = False
    return table, padding


def _old(mapping):
    return range(max(mapping) + 1)


def _checked_mapping(mapping, num_old):
    if mapping is None:
        return None
    mapping = [int(index) for index in mapping]
    count = max(mapping, default=-1) + 1 if num_old is None else num_old
    if not count or {*mapping, -1} != {*range(-1, count)}:
        raise ValueError(
            "`mapping` of MergedDistillation must name every class of the "
            "teacher at least once, and -1 for new classes. Received: "
            f"mapping={mapping}, num_old={num_old}."
        )
    return mapping
