import keras
import numpy as np
from keras import ops

from keras_incremental.layers import group_layout
from keras_incremental.layers import splits
from keras_incremental.layers.expandable_head import DEFAULT_INITIALIZER
from keras_incremental.layers.expandable_head import ExpandableHead
from keras_incremental.layers.split_share import start_of
from keras_incremental.regularizers.per_example import rules
from keras_incremental.utils.export import export

# The name in a weights file of what no `Dense` has.
PARENTS = "parents"


@export
class ExpandableDense(ExpandableHead):
    """A `Dense` output layer that new classes can be added to.

    Computes logits, as `keras.layers.Dense(units)` does. `expand(n)` appends
    `n` classes; the logits of the older classes stay the same to the bit
    until blocks are joined (`max_groups`), and to 1e-6 then.

    It stores its weights as a `Dense` of the same width does. But Keras
    finds the layers of a model's weights file by their class: load such a
    file into the model with the `Dense` first.

    `expand(n, parents=[...])` adds classes that came out of old ones: a
    police car, until now a car. The new column holds the logit `s` of a
    share, and what the parent had is divided, `sigmoid(s)` for the child and
    `sigmoid(-s)` for what is left of the parent,

        z[child] = z[parent] + log(sigmoid(s))
        z[parent] = z[parent] + log(sigmoid(-s))

    so the two together have what the parent had alone, whatever `s` learns;
    other logits stay the same to the bit. Children may have children. Decide
    by `layers.hierarchical_argmax`, or the parent loses votes to them.

    Where classes do not exclude each other (`exclusive=False`, sigmoid
    outputs), a parent keeps what it has, to the bit, and a child is what its
    share says of it: `sigmoid(z[child]) = sigmoid(z[parent]) * sigmoid(s)`.

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
        parents: List with the index of an older class, or -1, for each
            class; `get_config` writes it. Defaults to `None`, no splits.
        exclusive: Bool. Whether a sample shows one class only, so that a
            child takes its share from its parent. Defaults to `True`.
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
        parents=None,
        exclusive=True,
        **kwargs,
    ):
        self.use_bias = use_bias
        self.exclusive = bool(exclusive)
        super().__init__(units, **kwargs)
        self.parents = splits.checked_parents(
            parents, self.units, 0, type(self).__name__
        )
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)

    can_split = True
    can_be_multi_label = True

    @property
    def has_splits(self):
        """Bool. Whether any class came out of an older one."""
        return splits.has_splits(self.parents)

    @property
    def is_affine(self):
        """Bool. Whether the columns have a kernel and a bias."""
        return self.use_bias

    def expand(
        self, units, initializer=DEFAULT_INITIALIZER, seed=None, parents=None
    ):
        owner = type(self).__name__
        group_layout.check_units(units, owner)
        new = splits.checked_parents(
            parents, self.units + units, self.units, owner
        )
        if self.built:
            initializer = start_of(initializer, self.parents, new)
        super().expand(units, initializer, seed)
        self.parents += new

    def call(self, inputs):
        raw = super().call(inputs)
        if not self.has_splits:
            return raw
        if not self.exclusive:
            return splits.implied_logits(raw, self.parents)
        widths = [units for _, units in self._block_layout()]
        return splits.leaf_logits(raw, self.parents, widths)

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

    @property
    def per_example_rule(self):
        """Function, see `regularizers.per_example`; `None` with splits."""
        return None if self.has_splits else self._measured

    def _measured(self, inputs, delta, measure):
        values = {"kernel": rules.outer(inputs, delta, measure)}
        if self.use_bias:
            values["bias"] = rules.sum_positions(delta, measure)
        ends = np.cumsum([0, *(units for _, units in self._block_layout())])
        return [
            (variable, values[name][..., ends[index] : ends[index + 1]])
            for name, variables in self._columns.items()
            for index, variable in enumerate(variables)
        ]

    def plain(self, inputs):
        """Builds the same logits from `Dense` layers.

        Args:
            inputs: `keras.KerasTensor` of what the head reads.

        Returns:
            `keras.KerasTensor` of the logits: of one `Dense` layer, and of
            two more, or of operations of Keras, where classes came out of
            others.
        """
        weights = [self.columns(name) for name in self._columns]
        if not self.has_splits:
            return self._plain_dense(inputs, weights, self.name)
        if not self.exclusive:
            raw = self._plain_dense(inputs, weights, self.name)
            return splits.implied_logits(raw, self.parents)
        layout = splits.layout_of(self.parents)
        split = [value[..., layout.splits] for value in weights]
        shares = self._plain_dense(
            inputs,
            [np.concatenate([value, -value], -1) for value in split],
            f"{self.name}_shares",
            activation="log_sigmoid",
        )
        logits = self._plain_dense(
            inputs,
            [value[..., layout.roots] for value in weights],
            f"{self.name}_undivided",
        )
        paths = self._plain_dense(shares, [layout.matrix], f"{self.name}_paths")
        add = keras.layers.Add(dtype=self.dtype_policy, name=self.name)
        return add([logits, paths])

    def _plain_dense(self, inputs, weights, name, activation=None):
        layer = keras.layers.Dense(
            weights[0].shape[-1],
            activation=activation,
            use_bias=len(weights) > 1,
            dtype=self.dtype_policy,
            name=name,
        )
        outputs = layer(inputs)
        layer.set_weights(weights)
        return outputs

    def snapshot(self):
        return {**super().snapshot(), "parents": self.parents}

    def restore(self, snapshot):
        super().restore(snapshot)
        self.parents = snapshot["parents"]

    def save_own_variables(self, store):
        super().save_own_variables(store)
        if self.built and self.has_splits:
            store[PARENTS] = np.array(self.parents, "int32")

    def load_own_variables(self, store):
        names = set(store.keys())
        found = tuple(np.asarray(store[PARENTS])) if PARENTS in names else ()
        if self.built and found != (self.parents if self.has_splits else ()):
            raise ValueError(
                f"ExpandableDense '{self.name}' has other splits than the "
                f"file. Received: parents={[int(p) for p in found]} in the "
                f"file, {list(self.parents)} in the head. Load the whole "
                "model, or grow the head by the same `parents` first."
            )
        super().load_own_variables(
            {name: store[name] for name in names - {PARENTS}}
        )

    def get_config(self):
        return {
            **super().get_config(),
            "parents": list(self.parents) if self.has_splits else None,
            "exclusive": self.exclusive,
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
