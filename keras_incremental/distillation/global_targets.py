"""What a picture that nobody labeled should be, by two teachers."""

from keras import ops

OLD, NEW, OUTSIDE = 0, 1, 2


def global_targets(old, new, origin):
    """Probabilities of all classes, from those of two teachers.

    The first guess of the teacher whose class it is keeps its probability;
    what is left is shared so that on average no class gets more than
    another.

    Args:
        old: Tensor `(batch_size, num_old)`, probabilities of the teacher.
        new: Tensor `(batch_size, num_new)`, those of the specialist.
        origin: Tensor of ints `(batch_size,)`: 0 for a sample of an old
            class, 1 of a new one, 2 of neither.

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


def likely_origin(old, new, threshold):
    """Which teacher knows a sample, by their largest probabilities.

    Args:
        old: Tensor `(batch_size, num_old)`, probabilities of the teacher.
        new: Tensor `(batch_size, num_new)`, those of the specialist.
        threshold: Float. Where neither teacher is as sure, it is neither's.

    Returns:
        Tensor of ints `(batch_size,)`, as `global_targets` takes it.
    """
    sure_old, sure_new = ops.max(old, axis=-1), ops.max(new, axis=-1)
    origin = ops.where(sure_old >= sure_new, OLD, NEW)
    outside = ops.maximum(sure_old, sure_new) < threshold
    return ops.where(outside, OUTSIDE, origin)


def _favoring(own, other):
    """Parts of the classes of the teacher that is right, and of the other."""
    total = own.shape[-1] + other.shape[-1]
    top = ops.max(own, axis=-1, keepdims=True)
    first = ops.expand_dims(ops.argmax(own, axis=-1), -1)
    classes = ops.arange(own.shape[-1], dtype=first.dtype)
    rest = own * ((own.shape[-1] - 1) / (total - 1))
    return (
        ops.where(ops.equal(classes, first), own, rest),
        other * (1.0 - top) * (other.shape[-1] / (total - 1)),
    )
