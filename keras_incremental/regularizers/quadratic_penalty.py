import keras
import numpy as np
from keras import ops

from keras_incremental.utils.export import export


@export
class QuadraticPenalty(keras.regularizers.Regularizer):
    """Pulls a weight toward a reference, harder where it matters more.

    The penalty of a weight `w` is

        strength / 2 * sum(importance * (w - reference)**2)

    It is zero, with zero gradient, at the reference. Set it on a variable
    (`variable.regularizer = penalty`), and Keras adds it to the loss. With
    plain SGD, training is stable only while
    `learning_rate * strength * max(importance) < 2`.

    Reference:
    - [Kirkpatrick et al., 2017](https://arxiv.org/abs/1612.00796)

    Args:
        importance: Array of the shape of the weight, values of 0 or more.
            0 leaves an element free.
        reference: Array of the same shape: where the weight is pulled to.
        strength: Float, 0 or more. A larger value keeps old classes better
            and learns new ones less. Defaults to `1.0`.
        also: Regularizer that the weight had before, or `None`. Added to
            the penalty. Defaults to `None`.

    Raises:
        ValueError: if the shapes differ, or if an importance or the strength
            is negative or not finite.
    """

    def __init__(self, importance, reference, strength=1.0, also=None):
        importance = np.asarray(importance, "float32")
        reference = np.asarray(reference, "float32")
        if importance.shape != reference.shape:
            raise ValueError(
                "`importance` and `reference` must have the shape of the "
                "weight that they protect. Received: "
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
    def importance(self):
        return ops.convert_to_numpy(self._importance)

    @property
    def reference(self):
        return ops.convert_to_numpy(self._reference)

    def __call__(self, x):
        if tuple(x.shape) != tuple(self._reference.shape):
            raise ValueError(
                "A `QuadraticPenalty` protects a weight of shape "
                f"{tuple(self._reference.shape)}. Received: a weight of "
                f"shape {tuple(x.shape)}. Compute its importance anew."
            )
        moved = ops.cast(x, "float32") - self._reference
        penalty = ops.sum(self._importance * ops.square(moved))
        penalty = 0.5 * self.strength * penalty
        return penalty if self.also is None else penalty + self.also(x)

    def gradient(self, x):
        """The gradient of the penalty at a weight, without that of `also`."""
        moved = ops.cast(x, "float32") - self._reference
        return self.strength * self._importance * moved

    def get_config(self):
        return {
            "importance": self.importance.tolist(),
            "reference": self.reference.tolist(),
            "strength": self.strength,
            "also": keras.regularizers.serialize(self.also)
            if self.also is not None
            else None,
        }


def join_penalties(regularizers, values, axis=-1):
    """One penalty for weights that become one, equal to the sum of theirs.

    Args:
        regularizers: One regularizer or `None` for each weight.
        values: The weights, arrays joined along `axis`.
        axis: Int. Defaults to `-1`.

    Returns:
        A `QuadraticPenalty`; where none of the weights has one, the first
        regularizer.
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
