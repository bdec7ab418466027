from collections.abc import Sequence

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor


@export
class QuadraticPenalty(keras.regularizers.Regularizer):
    """Penalizes the weighted squared distance from a reference.

    The penalty of a weight `w` is

        strength / 2 * sum(importance * (w - reference)**2)

    Set it as the regularizer of a variable (`variable.regularizer =
    penalty`), and Keras adds it to the loss. Training with plain SGD is stable
    only if `learning_rate * strength * max(importance) < 2`.

    Reference:
    - [Kirkpatrick et al., 2017](https://arxiv.org/abs/1612.00796)

    Args:
        importance: Array of the shape of the weight, with values of 0 or
            more. Elements with 0 are not penalized.
        reference: Array of the same shape. Minimum of the penalty.
        strength: Float, 0 or more. A larger value keeps old classes better
            and learns new classes less. Defaults to `1.0`.
        also: Earlier regularizer of the weight, or `None`. It is added to
            the penalty. Defaults to `None`.

    Raises:
        ValueError: if the shapes differ, or if `importance` or `strength` is
            negative or not finite.
    """

    def __init__(
        self,
        importance: ArrayLike,
        reference: ArrayLike,
        strength: float = 1.0,
        also: keras.regularizers.Regularizer | str | None = None,
    ):
        importance = np.asarray(importance, "float32")
        reference = np.asarray(reference, "float32")
        if importance.shape != reference.shape:
            raise ValueError(
                "`importance` and `reference` must have the shape of the "
                "weight. Received: "
                f"importance.shape={importance.shape}, "
                f"reference.shape={reference.shape}. Compute both from the "
                "same variable."
            )
        if not np.all(np.isfinite(importance)) or np.any(importance < 0):
            raise ValueError(
                "`importance` must be finite and not negative. Received: "
                f"values from {np.min(importance)} to {np.max(importance)}. "
                "Compute it with `fisher_importance`."
            )
        if not np.isfinite(strength) or strength < 0:
            raise ValueError(
                "`strength` must be a finite number of 0 or more. "
                f"Received: strength={strength}."
            )
        self._importance = self._constant(importance)
        self._reference = self._constant(reference)
        self.strength = float(strength)
        self.also = keras.regularizers.get(also)

    @staticmethod
    def _constant(value):
        # A variable, because TensorFlow would copy an array into each graph
        # and torch cannot multiply it with a tensor.
        return keras.Variable(value, trainable=False, dtype="float32")

    @property
    def importance(self) -> np.ndarray:
        """Array. Importance of each element of the weight."""
        return ops.convert_to_numpy(self._importance)

    @property
    def reference(self) -> np.ndarray:
        """Array. Minimum of the penalty."""
        return ops.convert_to_numpy(self._reference)

    def __call__(self, x):
        if tuple(x.shape) != tuple(self._reference.shape):
            raise ValueError(
                "This `QuadraticPenalty` is for a weight of shape "
                f"{tuple(self._reference.shape)}. Received: a weight of "
                f"shape {tuple(x.shape)}. Compute its importance again."
            )
        moved = ops.cast(x, "float32") - self._reference
        penalty = ops.sum(self._importance * ops.square(moved))
        penalty = 0.5 * self.strength * penalty
        return penalty if self.also is None else penalty + self.also(x)

    def gradient(self, x: Tensor) -> Tensor:
        """Computes the gradient at a weight, without that of `also`."""
        moved = ops.cast(x, "float32") - self._reference
        return self.strength * self._importance * moved

    def get_config(self) -> Config:
        return {
            "importance": self.importance.tolist(),
            "reference": self.reference.tolist(),
            "strength": self.strength,
            "also": keras.regularizers.serialize(self.also)
            if self.also is not None
            else None,
        }


def join_penalties(
    regularizers: Sequence[keras.regularizers.Regularizer | None],
    values: Sequence[np.ndarray],
    axis: int = -1,
) -> keras.regularizers.Regularizer | None:
    """Merges the penalties of weights that are concatenated.

    Args:
        regularizers: One regularizer or `None` for each weight.
        values: The weights, arrays joined along `axis`.
        axis: Int. Defaults to `-1`.

    Returns:
        `QuadraticPenalty`; the first regularizer if no weight has a
        `QuadraticPenalty`.
    """
    quadratic = [r for r in regularizers if isinstance(r, QuadraticPenalty)]
    if not quadratic:
        return regularizers[0]
    strength = quadratic[0].strength or 1.0
    importance, reference = [], []
    for regularizer, value in zip(regularizers, values, strict=True):
        if isinstance(regularizer, QuadraticPenalty):
            scale = regularizer.strength / strength
            importance.append(scale * regularizer.importance)
            reference.append(regularizer.reference)
        else:
            importance.append(np.zeros_like(value))
            reference.append(value)
    return QuadraticPenalty(
        np.concatenate(importance, axis),
        np.concatenate(reference, axis),
        strength,
        also=quadratic[0].also,
    )
