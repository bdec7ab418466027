"""Norms and directions of vectors, with finite gradients at zero."""

from keras import ops

from keras_incremental.utils.types import Tensor

# Squared norms below are zero; squares of this are still normal numbers.
TINY = 1e-24
# Distances far below its square root are zero.
SMOOTHING = 1e-12


def unit(vectors: Tensor, axis: int = -1) -> Tensor:
    """Normalizes vectors to unit length; zero vectors stay zero.

    A division by `max(norm, epsilon)` would give zero vectors a gradient of
    `1 / epsilon`.

    Args:
        vectors: Float32 tensor.
        axis: Int. Axis of the vectors. Defaults to `-1`.

    Returns:
        Tensor of the same shape.
    """
    squared = ops.sum(ops.square(vectors), axis=axis, keepdims=True)
    is_zero = squared <= TINY
    return vectors * ops.where(
        is_zero, 1.0, ops.rsqrt(ops.where(is_zero, 1.0, squared))
    )


def cosine(first: Tensor, second: Tensor) -> Tensor:
    """Computes the cosine similarity along the last axis."""
    return ops.sum(unit(first) * unit(second), axis=-1)


def distance(first: Tensor, second: Tensor, axis: int = -1) -> Tensor:
    """Computes the Euclidean distance, with a finite gradient at 0.

    A student starts with the outputs of its teacher, where the gradient of
    the root of a sum of squares is 0 / 0.
    """
    return _smooth_root(ops.sum(ops.square(first - second), axis=axis))


def absolute(values: Tensor) -> Tensor:
    """Computes the absolute value, with a gradient of 0 at 0.

    The gradient of `ops.abs` at 0 is 1 in JAX.
    """
    return _smooth_root(ops.square(values))


def _smooth_root(squared):
    return ops.sqrt(squared + SMOOTHING) - SMOOTHING**0.5
