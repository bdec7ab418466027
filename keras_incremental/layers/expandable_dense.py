import keras
from keras import ops

from keras_incremental.layers.expandable_head import ExpandableHead
from keras_incremental.utils.export import export


@export
class ExpandableDense(ExpandableHead):
    """A `Dense` output layer that new classes can be added to.

    Computes logits, as `keras.layers.Dense(units)` does. `expand(n)` appends
    `n` classes; the logits of the older classes stay the same to the bit
    until blocks are joined (`max_groups`), and to 1e-6 then.

    It stores its weights as a `Dense` of the same width does. But Keras
    finds the layers of a model's weights file by their class: load such a
    file into the model with the `Dense` first.

    `model.output_shape` is that of the graph as first drawn; `head.units` is
    how many classes there are.

    Args:
        units: Int, or a list of ints, one for each group in order of
            arrival: the number of classes, 1 or more.
        use_bias: Bool. Defaults to `True`.
        kernel_initializer: Initializer of the first columns. Defaults to
            `"glorot_uniform"`.
        bias_initializer: Initializer of the first biases. Defaults to
            `"zeros"`.
        kernel_regularizer: Regularizer of all kernels. Defaults to `None`.
        bias_regularizer: Regularizer of all biases. Defaults to `None`.
        max_groups: Int, 3 or more. How many blocks of weights are kept
            apart; older ones are joined at the next growth. Defaults to `8`.
        frozen_groups: Int. How many of the oldest groups do not train,
            whatever the optimizer. Defaults to `0`.
        blocks: List of ints or `None`; `get_config` writes it.
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        `(batch_size, ..., input_dim)`; on feature maps of shape
        `(batch_size, height, width, channels)` it is the 1x1 head of a
        segmentation model.

    Output shape:
        `(batch_size, ..., units)`.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> head = ExpandableDense(2)
    >>> features = np.ones((1, 4), "float32")
    >>> before = head(features)
    >>> head.expand(1)
    >>> tuple(head(features).shape)
    (1, 3)
    >>> bool(keras.ops.all(head(features)[:, :2] == before))
    True
    """

    def __init__(
        self,
        units,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        **kwargs,
    ):
        self.use_bias = use_bias
        super().__init__(units, **kwargs)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)

    def column_shapes(self, input_dim, units):
        shapes = {"kernel": (input_dim, units), "bias": (units,)}
        return shapes if self.use_bias else {"kernel": shapes["kernel"]}

    def column_initializer(self, name):
        return getattr(self, f"{name}_initializer")

    def column_regularizer(self, name):
        return getattr(self, f"{name}_regularizer")

    def call_block(self, inputs, columns):
        logits = ops.matmul(inputs, columns["kernel"])
        return ops.add(logits, columns["bias"]) if self.use_bias else logits

    def get_config(self):
        return {
            **super().get_config(),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(
                self.kernel_initializer
            ),
            "bias_initializer": keras.initializers.serialize(
                self.bias_initializer
            ),
            "kernel_regularizer": keras.regularizers.serialize(
                self.kernel_regularizer
            ),
            "bias_regularizer": keras.regularizers.serialize(
                self.bias_regularizer
            ),
        }
