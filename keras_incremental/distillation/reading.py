"""How terms read the outputs of a teacher and of a student."""

import keras
from keras import ops


def read(outputs, name):
    """An output of the student in float32, or the list of its maps."""
    return keras.tree.map_structure(_float32, outputs[name])


def read_teacher(outputs, name):
    """An output of the teacher in float32, with no gradient into it."""
    return keras.tree.map_structure(ops.stop_gradient, read(outputs, name))


def read_labels(labels, owner):
    """Labels as ints of shape `(batch_size,)`, refused if there are none."""
    if labels is None:
        raise ValueError(
            f"{owner} looks at the labels. Received: labels=None. Train it "
            "with integer labels."
        )
    return ops.cast(ops.reshape(labels, (-1,)), "int32")


def phase_of(term):
    """The phase that a term is bound to, refused if there is none."""
    if term.phase is None:
        raise ValueError(
            f"{type(term).__name__} depends on which classes are old. "
            "Received: phase=None. Use the copy that `for_phase(phase)` "
            "returns."
        )
    return term.phase


def mean_over(values, mask):
    """Mean of the values in a mask, and 0 where it has none.

    Args:
        values: Tensor.
        mask: Boolean tensor of the same shape.
    """
    count = ops.sum(ops.cast(mask, values.dtype))
    return ops.sum(ops.where(mask, values, 0.0)) / ops.maximum(count, 1.0)


def _float32(value):
    return ops.cast(ops.convert_to_tensor(value), "float32")
