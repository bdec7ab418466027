"""Lengths and directions of vectors whose gradient is finite at zero."""

from keras import ops

# Squared lengths below count as zero; squares of this are still normal.
TINY = 1e-24
# Distances far below the square root do not count.
SMOOTHING = 1e-12


def unit(vectors, axis=-1):
    """Vectors scaled to length 1, and zero left as it is.

    Dividing by a length that is kept above a small number would give a
    vector of zeros a gradient of one over that number.

    Args:
        vectors: Tensor of float32.
        axis: Int, along which a vector lies. Defaults to `-1`.

    Returns:
        Tensor of the same shape.
    """
    squared = ops.sum(ops.square(vectors), axis=axis, keepdims=True)
    is_zero = squared <= TINY
    return vectors * ops.where(
        is_zero, 1.0, ops.rsqrt(ops.where(is_zero, 1.0, squared))
    )


def cosine(first, second):
    """Cosine of the angles between the last axes of two tensors."""
    return ops.sum(unit(first) * unit(second), axis=-1)


def distance(first, second, axis=-1):
    """Euclidean distance, smooth where the two are equal.

    The root of a sum of squares has the gradient 0 / 0 there, and a network
    starts a phase with the outputs of its teacher.
    """
    return _smooth_root(ops.sum(ops.square(first - second), axis=axis))


def absolute(values):
    """Absolute value, smooth at zero, where JAX has a gradient of 1."""
    return _smooth_root(ops.square(values))


def _smooth_root(squared):
    return ops.sqrt(squared + SMOOTHING) - SMOOTHING**0.5
