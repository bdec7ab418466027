"""Labels and the logits of a teacher in one array, as plain `fit` takes them.

Keras takes no labels beside outputs for a model with one output, so the logits
lie behind the labels, along the last axis. That array is the one part of a
tuple: Keras refuses to weigh classes of labels that have parts, which it would
do by the largest number of a row.
"""

from typing import Any
from typing import NamedTuple

import numpy as np

from keras_incremental.utils.types import Structure
from keras_incremental.utils.types import Tensor


class JoinedLabels(NamedTuple):
    """A tuple of one array of labels and logits.

    `train_on_batch` of Keras reads the class of each sample out of a tuple as
    if it were an array of labels, where TensorFlow or JAX is the backend.
    """

    joined: Any

    def __array__(self, dtype=None, copy=None):
        raise ValueError(
            "Labels with outputs of a teacher are no classes that "
            "`class_weight` of `train_on_batch` or `fit` could weigh. "
            f"Received: an array of shape {np.shape(self.joined)}. Pass "
            "`class_weight` to `with_teacher`."
        )


# Every int up to here is a float32.
MOST_LABELS = 2**24


def join(labels: Tensor, logits: Tensor) -> np.ndarray:
    """Returns labels and logits of a teacher in one array of float32.

    Args:
        labels: Array of ints `(batch_size, ...)` or `(batch_size, ..., 1)`,
            or of one-hot labels `(batch_size, ..., num_classes)`.
        logits: Array `(batch_size, ..., num_old)`.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "biuf":
        raise ValueError(
            "Labels must be numbers. Received: y.dtype="
            f"{labels.dtype}. Give the index of each class."
        )
    joined_shape(labels.shape, logits.shape)
    if not np.all(np.abs(labels) < MOST_LABELS):
        raise ValueError(
            f"Labels must be finite and below {MOST_LABELS}, to be exact in "
            f"float32. Received: y from {labels.min()} to {labels.max()}."
        )
    if labels.ndim == logits.ndim - 1:
        labels = labels[..., None]
    return np.concatenate([labels, logits], -1).astype("float32")


def split(joined: Tensor, num_old: int) -> tuple[Tensor, Tensor]:
    """Returns the labels and the logits that `join` put together.

    Args:
        joined: Array or tensor `(batch_size, ..., labels + num_old)`.
        num_old: Int, 1 or more: how many classes the teacher has.
    """
    return joined[..., :-num_old], joined[..., -num_old:]


def one_part(structure: Structure) -> Any:
    """Returns the only item of a tuple, or anything else unchanged."""
    if isinstance(structure, (tuple, list)) and len(structure) == 1:
        return structure[0]
    return structure


def refuse_joined(y: Structure, argument: str) -> None:
    """Raises a `ValueError` for labels that `with_teacher` has returned."""
    if not isinstance(y, tuple) or len(y) != 1:
        return
    shape = tuple(getattr(y[0], "shape", ()))
    if len(shape) > 1 and "float" in str(y[0].dtype):
        raise ValueError(
            f"`{argument}` has outputs of a teacher with its labels, which "
            "only LossWithTeacher reads. Received: y is a tuple of one array "
            f"of shape {shape}. Mix first, and add the teacher then: "
            "`with_teacher(memory.mix(data), teacher)`."
        )


def joined_shape(labels, logits) -> tuple:
    """Returns the shape of what `join` makes of arrays of two shapes."""
    if len(labels) == len(logits) - 1:
        labels = (*labels, 1)
    sizes = zip(labels[:-1], logits[:-1], strict=False)
    differ = any(None not in pair and pair[0] != pair[1] for pair in sizes)
    same_rank = len(labels) == len(logits) > 1
    if differ or not same_rank or labels[-1] is None:
        raise ValueError(
            "Labels must have one value, or one-hot values, for each output "
            f"of the teacher. Received: y.shape={tuple(labels)}, teacher "
            f"outputs of shape {tuple(logits)}. Give one label for each "
            "input, and batch a data set first."
        )
    return (*labels[:-1], labels[-1] + logits[-1])
