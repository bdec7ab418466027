from collections.abc import Sequence

from keras import ops

from keras_incremental.layers import splits
from keras_incremental.utils.types import Tensor


def hierarchical_argmax(
    logits: Tensor, parents: Sequence[int | None]
) -> Tensor:
    """Returns the most probable class of a hierarchy.

    A plain argmax splits the probability of a class and its subclasses. With
    0.3 for "car", 0.3 for "police car" and 0.4 for "truck" it returns
    "truck". This function first chooses among the sums over each class and
    its subclasses, here "car" with 0.6. Then it chooses among the members in
    the same way.

    Args:
        logits: Tensor or array `(..., num_classes)`, of logits or of
            logarithms of probabilities.
        parents: List with the index of an older class, or -1, for each
            class, as `ExpandableDense.parents`.

    Returns:
        Tensor of ints `(...)`, classes.

    Raises:
        ValueError: if `parents` are not one for each class.

    Example:

    >>> import numpy as np
    >>> logits = np.log([0.3, 0.4, 0.3])
    >>> int(hierarchical_argmax(logits, [-1, -1, 0]))
    0
    """
    logits = ops.convert_to_tensor(logits)
    count = logits.shape[-1]
    parents = splits.checked_parents(parents, count, 0, "hierarchical_argmax")
    if not splits.has_splits(parents):
        return largest(logits)
    masses, answers = _folded(logits, parents)
    roots = [k for k, p in enumerate(parents) if p == splits.ORDINARY]
    top = largest(ops.take(masses, roots, axis=-1))[..., None]
    answers = ops.take(answers, roots, axis=-1)
    return ops.squeeze(ops.take_along_axis(answers, top, axis=-1), -1)


def largest(logits: Tensor) -> Tensor:
    """Returns the index of the first of the largest values.

    The same as `ops.argmax(logits, -1)`, of operations that all runtimes
    have: on TensorFlow that one reads the bits of floats.
    """
    size = logits.shape[-1]
    is_largest = logits >= ops.max(logits, axis=-1, keepdims=True)
    places = ops.arange(size, dtype="int32")
    # Without any, where logits are NaN, it is the last one.
    return ops.min(ops.where(is_largest, places, size - 1), axis=-1)


def _folded(logits, parents):
    """Returns the mass of each class and its subclasses, and the best."""
    classes = ops.arange(len(parents), dtype="int32")
    masses, scores, answers = {}, {}, {}
    # Children come after their parents, so all below a child is in it.
    for child in reversed(range(len(parents))):
        parent = parents[child]
        if parent == splits.ORDINARY:
            continue
        for k in (child, parent):
            masses.setdefault(k, logits[..., k])
            scores.setdefault(k, logits[..., k])
            answers.setdefault(k, ops.full_like(logits[..., k], k, "int32"))
        better = masses[child] > scores[parent]
        both = ops.stack([masses[parent], masses[child]])
        masses[parent] = ops.logsumexp(both, axis=0)
        scores[parent] = ops.where(better, masses[child], scores[parent])
        answers[parent] = ops.where(better, answers[child], answers[parent])
    best = ops.zeros_like(logits, "int32") + classes
    for k, mass in masses.items():
        if parents[k] == splits.ORDINARY:
            logits = ops.where(classes == k, mass[..., None], logits)
            best = ops.where(classes == k, answers[k][..., None], best)
    return logits, best
