"""Joint targets of two teachers for samples without a label."""

from keras import ops

from keras_incremental.utils.types import Tensor

OLD, NEW, OUTSIDE = 0, 1, 2


def global_targets(old: Tensor, new: Tensor, origin: Tensor) -> Tensor:
    """Computes probabilities of all classes from those of two teachers.

    The predicted class of the teacher in charge keeps its probability. The
    rest is distributed so that on average all classes get the same share.

    Args:
        old: Tensor `(batch_size, num_old)`, probabilities of the teacher.
        new: Tensor `(batch_size, num_new)`, those of the expert.
        origin: Ints `(batch_size,)`: 0 for a sample of an old class, 1 for
            a new class, 2 for neither.

    Returns:
        Tensor `(batch_size, num_old + num_new)` of probabilities.
    """
    num_old, num_new = old.shape[-1], new.shape[-1]
    total = num_old + num_new
    favoring_old = _favoring(old, new)
    favoring_new = _favoring(new, old)[::-1]
    neither = (old * (num_old / total), new * (num_new / total))
    cases = [
        ops.concatenate(case, axis=-1)
        for case in (favoring_old, favoring_new, neither)
    ]
    origin = ops.expand_dims(origin, -1)
    return ops.where(
        ops.equal(origin, OLD),
        cases[OLD],
        ops.where(ops.equal(origin, NEW), cases[NEW], cases[OUTSIDE]),
    )


def likely_origin(old: Tensor, new: Tensor, threshold: float) -> Tensor:
    """Returns the teacher with the larger confidence for each sample.

    Args:
        old: Tensor `(batch_size, num_old)`, probabilities of the teacher.
        new: Tensor `(batch_size, num_new)`, those of the expert.
        threshold: Float. A sample belongs to neither teacher if both have a
            smaller confidence.

    Returns:
        Ints `(batch_size,)`: 0 for the teacher, 1 for the expert, 2 for
        neither.
    """
    sure_old, sure_new = ops.max(old, axis=-1), ops.max(new, axis=-1)
    origin = ops.where(sure_old >= sure_new, OLD, NEW)
    outside = ops.maximum(sure_old, sure_new) < threshold
    return ops.where(outside, OUTSIDE, origin)


def _favoring(own, other):
    """Returns the probabilities of both teachers if `own` is in charge."""
    total = own.shape[-1] + other.shape[-1]
    top = ops.max(own, axis=-1, keepdims=True)
    first = ops.expand_dims(ops.argmax(own, axis=-1), -1)
    classes = ops.arange(own.shape[-1], dtype=first.dtype)
    rest = own * ((own.shape[-1] - 1) / (total - 1))
    return (
        ops.where(ops.equal(classes, first), own, rest),
        other * (1.0 - top) * (other.shape[-1] / (total - 1)),
    )
