import keras
import numpy as np

from keras_incremental.layers import splits


class PlainForm:
    """The same scores by layers of Keras alone, of a linear head."""

    def plain(self, inputs):
        """Scores as `call` gives them, without this package.

        Args:
            inputs: `keras.KerasTensor` of what the head reads.

        Returns:
            `keras.KerasTensor` of the scores, in float32.

        Raises:
            ValueError: if the head is not linear.

        Example:

        >>> import keras
        >>> import numpy as np
        >>> import keras_incremental as ki
        >>> head = ki.layers.NearestClassMean(2)
        >>> head.adapt(np.eye(2), [0, 1])
        >>> inputs = keras.Input((2,))
        >>> model = keras.Model(inputs, head.plain(inputs))
        >>> [type(layer).__name__ for layer in model.layers[1:]]
        ['UnitNormalization', 'Dense']
        """
        if list(self.column_shapes(1, 1)) != ["kernel", "bias"]:
            raise ValueError(
                f"{type(self).__name__} '{self.name}' is not linear, so no "
                "`Dense` layer computes its scores. Keep the head itself."
            )
        columns = [self.columns("kernel"), self.columns("bias")]
        dense = keras.layers.Dense(self.units, dtype="float32", name=self.name)
        outputs = dense(self.plain_representation(inputs))
        dense.set_weights(columns)
        return outputs

    def plain_representation(self, inputs):
        """What `represent` gives, by layers of Keras alone."""
        return inputs


def plain_dense(head, inputs):
    """Logits of an `ExpandableDense` by layers of Keras alone.

    Args:
        head: Built `ExpandableDense`.
        inputs: `keras.KerasTensor` of what it reads.

    Returns:
        `keras.KerasTensor` of the logits: of one `Dense` layer, and of two
        more, or of operations of Keras, where classes came out of others.
    """
    weights = [head.columns(name) for name in head.column_shapes(1, 1)]
    if not head.has_splits:
        return _dense(inputs, weights, head, head.name)
    if not head.exclusive:
        raw = _dense(inputs, weights, head, head.name)
        return splits.implied_logits(raw, head.parents)
    layout = splits.layout_of(head.parents)
    raw = [value[..., layout.roots] for value in weights]
    split = [value[..., layout.splits] for value in weights]
    split = [np.concatenate([value, -value], -1) for value in split]
    shares = _dense(
        inputs, split, head, f"{head.name}_shares", activation="log_sigmoid"
    )
    paths = _dense(shares, [layout.matrix], head, f"{head.name}_paths")
    logits = _dense(inputs, raw, head, f"{head.name}_undivided")
    return keras.layers.Add(dtype=head.dtype_policy, name=head.name)(
        [logits, paths]
    )


def _dense(inputs, weights, head, name, activation=None):
    layer = keras.layers.Dense(
        weights[0].shape[-1],
        activation=activation,
        use_bias=len(weights) > 1,
        dtype=head.dtype_policy,
        name=name,
    )
    outputs = layer(inputs)
    layer.set_weights(weights)
    return outputs
