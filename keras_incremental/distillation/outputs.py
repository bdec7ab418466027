"""Access to the outputs of teacher and student in terms."""

import keras
from keras import ops

from keras_incremental.utils.phase import Phase
from keras_incremental.utils.types import Structure
from keras_incremental.utils.types import Tensor


def student_output(outputs: dict[str, Structure], name: str) -> Structure:
    """Returns an output of the student in float32.

    Args:
        outputs: Dict of outputs.
        name: String. See `Term` for the names.

    Returns:
        Tensor, or list of tensors for `"maps"`.
    """
    return keras.tree.map_structure(_float32, outputs[name])


def teacher_output(outputs: dict[str, Structure], name: str) -> Structure:
    """Returns an output of the teacher in float32, without a gradient.

    Args:
        outputs: Dict of outputs.
        name: String. See `Term` for the names.

    Returns:
        Tensor, or list of tensors for `"maps"`.
    """
    return keras.tree.map_structure(
        ops.stop_gradient, student_output(outputs, name)
    )


def int_labels(labels: Tensor | None, owner: str) -> Tensor:
    """Returns labels as ints of shape `(batch_size,)`.

    Raises:
        ValueError: if there are no labels.
    """
    if labels is None:
        raise ValueError(
            f"{owner} needs integer labels. Received: labels=None. Pass "
            "`labels` to `compute_loss`, or train with integer labels."
        )
    return ops.cast(ops.reshape(labels, (-1,)), "int32")


def phase_of(term) -> Phase:
    """Returns the phase that a term is bound to.

    Raises:
        ValueError: if the term is not bound to a phase.
    """
    if term.phase is None:
        raise ValueError(
            f"{type(term).__name__} depends on the number of old classes. "
            "Received: phase=None. Use the copy that `for_phase(phase)` "
            "returns."
        )
    return term.phase


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Computes the mean of the values in a mask; 0 for an empty mask.

    Args:
        values: Tensor.
        mask: Boolean tensor of the same shape.

    Returns:
        Scalar tensor.
    """
    count = ops.sum(ops.cast(mask, values.dtype))
    return ops.sum(ops.where(mask, values, 0.0)) / ops.maximum(count, 1.0)


def _float32(value):
    return ops.cast(ops.convert_to_tensor(value), "float32")
