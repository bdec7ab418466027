import keras


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
