from collections.abc import Callable
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from keras_incremental.layers import group_layout
from keras_incremental.layers import splits
from keras_incremental.layers.class_description import describe
from keras_incremental.layers.described_classes import PREFIX
from keras_incremental.layers.described_classes import DescribedClasses
from keras_incremental.layers.described_classes import check_describable
from keras_incremental.layers.expandable_head import DEFAULT_INITIALIZER
from keras_incremental.layers.expandable_head import ExpandableHead
from keras_incremental.layers.feature_checks import checked_features
from keras_incremental.layers.feature_checks import checked_labels
from keras_incremental.layers.split_share import start_of
from keras_incremental.regularizers.per_example import rules
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import InitializerLike
from keras_incremental.utils.types import RegularizerLike
from keras_incremental.utils.types import Shape
from keras_incremental.utils.types import Store
from keras_incremental.utils.types import Tensor

# Not stored by a `Dense` layer.
PARENTS = "parents"

# Unlabeled samples that tell where a class ends, at most.
MOST_UNLABELED = 10_000


@export
class ExpandableDense(ExpandableHead):
    """A `Dense` output layer that grows by groups of classes.

    It computes logits, like `keras.layers.Dense(units)`. `expand(n)` appends
    `n` classes. The logits of older classes stay bit-identical until blocks
    are joined (`max_groups`), and stay the same up to 1e-6 then.

    It stores its weights like a `Dense` layer of the same width. But Keras
    finds the layers in a weights file by their class: load such a file into
    the model with the `Dense` layer first.

    `expand(n, parents=[...])` adds subclasses of old classes, such as "police
    car" of "car". The new column computes the logit `s` of a share. The
    probability of the parent is divided: the subclass takes `sigmoid(s)` of
    it and the parent keeps `sigmoid(-s)`,

        z[child] = z[parent] + log(sigmoid(s))
        z[parent] = z[parent] + log(sigmoid(-s))

    so the sum of both stays the same, whatever `s` learns. Other logits stay
    bit-identical. Subclasses may have subclasses. Predict with
    `layers.hierarchical_argmax`, so that a parent is not outvoted because of
    its subclasses.

    If classes do not exclude each other (`exclusive=False`, sigmoid outputs),
    the logit of a parent stays bit-identical, and
    `sigmoid(z[child]) = sigmoid(z[parent]) * sigmoid(s)`.

    `describe(features, labels)` tells where the samples of new classes lie,
    in place of training their columns: no sample of an old class is needed.

    `model.output_shape` is that of the graph when it was built. `head.units`
    is the current number of classes.

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
        max_groups: Int, 3 or more. The number of blocks of weights that are
            kept apart. Older ones are joined at the next growth. Defaults to
            `8`.
        frozen_groups: Int, 0 or more. The number of oldest groups that are
            not trained, by any optimizer. Defaults to `0`.
        blocks: List of ints or `None`, as written by `get_config`. Defaults
            to `None`.
        parents: List with the index of the parent class, or -1, of each
            class, as written by `get_config`. Defaults to `None`, no splits.
        exclusive: Bool. Whether a sample has one class only, so that a
            subclass takes its share from its parent. Defaults to `True`.
        described: List of ints or `None`, the classes that are described, as
            written by `get_config`. Defaults to `None`.
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
        units: int | Sequence[int],
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        parents: Sequence[int | None] | None = None,
        exclusive: bool = True,
        described: Sequence[int] | None = None,
        **kwargs,
    ):
        self.use_bias = use_bias
        self.exclusive = bool(exclusive)
        super().__init__(units, **kwargs)
        self.parents = splits.checked_parents(
            parents, self.units, 0, type(self).__name__
        )
        self._described = DescribedClasses(self, described or ())
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)

    can_split = True
    can_be_multi_label = True

    @property
    def can_describe(self) -> bool:
        """Bool. Whether classes exclude each other, and none is divided."""
        return self.exclusive and not self.has_splits

    @property
    def is_solvable(self) -> bool:
        """Bool. Whether columns of a kernel and a bias may be all there is."""
        return self.use_bias and not self.has_splits

    @property
    def described(self) -> tuple[int, ...]:
        """Tuple of ints, the classes that are described, and not trained."""
        return self._described.classes

    @property
    def has_splits(self) -> bool:
        """Bool. Whether any class has a parent class."""
        return splits.has_splits(self.parents)

    @property
    def is_affine(self) -> bool:
        """Bool. Whether all classes have a column of a kernel and a bias."""
        return self.use_bias and not self._described

    def expand(
        self,
        units: int,
        initializer: InitializerLike = DEFAULT_INITIALIZER,
        seed: int | None = None,
        parents: Sequence[int | None] | None = None,
    ) -> None:
        owner = type(self).__name__
        group_layout.check_units(units, owner)
        new = splits.checked_parents(
            parents, self.units + units, self.units, owner
        )
        if self._described and splits.has_splits(new):
            raise ValueError(
                f"{owner} '{self.name}' describes the classes "
                f"{list(self.described)}, so that no class can be divided. "
                f"Received: parents={parents!r}. Leave `parents` out, or solve "
                "the head first, by `remember` of old data."
            )
        if self.built and splits.has_splits(self.parents + new):
            initializer = start_of(initializer, self.parents, new)
        super().expand(units, initializer, seed)
        self.parents += new

    def describe(
        self,
        features: Tensor,
        labels: Tensor,
        recall: float = 0.95,
        unlabeled: Tensor | None = None,
    ) -> dict[int, int]:
        """Describes classes by where their samples lie.

        A class that is trained without a sample of any other takes all: here
        it wins only where a sample is as near to it as its own samples are,
        both in the features and in what the head says of them. Logits of
        classes that are not described stay bit-identical. They stand before
        the first described class. A class that is described already is
        described by its new samples and by others, drawn from what was said
        of it.

        Unlabeled samples of any mixture of classes tell where a new class
        ends: those of them that it does not claim stand for all others, in a
        regression that is added to both distances. What is farther from the
        class than each of its samples, left out in turn, stays of the others.

        Compile the model again afterwards.

        Args:
            features: Array of shape `(num_samples, ..., input_dim)`, of 5
                rows or more of each class.
            labels: Ints of shape `(num_samples, ...)`, from 1 to
                `units - 1`.
            recall: Float in `(0, 1]`. The share of the samples of a class,
                each left out in turn, that stays its own. A smaller value
                favors old classes. Beside unlabeled samples it is the least
                share. Defaults to `0.95`.
            unlabeled: Array of shape `(num_samples, ..., input_dim)`, of
                which at most 10,000 rows are looked at. A class that is
                described again needs them again. Defaults to `None`.

        Returns:
            Dict of the classes that were described, and of the number of
            unlabeled rows that stand for others beside them: 0 where there
            are fewer than 5 of them, or of the class; they are then not used.

        Raises:
            ValueError: if `recall` is outside `(0, 1]`, if the head is
                divided, if features are not finite, if a class has too few
                samples, or if none is left before the first described class.
                Nothing is changed.
        """
        self._check_built()
        features = checked_features(self, features)
        labels = checked_labels(self, labels, features)
        features = features.reshape(-1, self.input_dim)
        check_describable(self, labels, recall)
        base = min([*self.described, *labels.tolist()])
        others = None
        if unlabeled is not None:
            rows = checked_features(self, _looked_at(unlabeled))
            rows = _looked_at(rows.reshape(-1, self.input_dim))
            others = rows, self._base_logits(rows, base)
        found = {}
        for label in np.unique(labels).tolist():
            samples = features[labels == label]
            drawn = samples[:0]
            if label in self.described:
                drawn = self._described.draw(label)
            samples = np.concatenate([samples, drawn])
            logits = self._base_logits(samples, base)
            found[label] = describe(samples, logits, recall, others, len(drawn))
        self._described.add({label: d.rows for label, d in found.items()})
        return {label: d.others for label, d in found.items()}

    def _base_logits(self, features, base):
        raw = ExpandableHead.call(self, features.astype("float32"))
        return ops.convert_to_numpy(raw)[..., :base].astype("float64")

    def drop_descriptions(self) -> None:
        """Lets each class have the logit of its column again."""
        self._described.restore((), {})

    def call(self, inputs: Tensor) -> Tensor:
        raw = super().call(inputs)
        if not self.has_splits:
            return self._described.completed(inputs, raw)
        if not self.exclusive:
            return splits.implied_logits(raw, self.parents)
        widths = [units for _, units in self._block_layout()]
        return splits.leaf_logits(raw, self.parents, widths)

    def column_shapes(
        self, input_dim: int, units: int
    ) -> dict[str, tuple[int, ...]]:
        shapes = {"kernel": (input_dim, units), "bias": (units,)}
        return shapes if self.use_bias else {"kernel": shapes["kernel"]}

    def column_initializer(self, name: str) -> Callable:
        return getattr(self, f"{name}_initializer")

    def column_regularizer(self, name: str) -> RegularizerLike:
        return getattr(self, f"{name}_regularizer")

    def call_block(self, inputs: Tensor, columns: dict[str, Tensor]) -> Tensor:
        logits = ops.matmul(inputs, columns["kernel"])
        return ops.add(logits, columns["bias"]) if self.use_bias else logits

    @property
    def per_example_rule(self) -> Callable | None:
        """Function, see `regularizers.per_example`.

        `None` where the logits are not those of the columns alone.
        """
        return None if self.has_splits or self._described else self._measured

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

    def plain(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Builds the same logits from `Dense` layers.

        Args:
            inputs: `keras.KerasTensor` of the features.

        Returns:
            `keras.KerasTensor` of the logits. They are computed by one
            `Dense` layer, and with splits by two more, or by operations of
            Keras.
        """
        weights = [self.columns(name) for name in self._columns]
        if not self.has_splits:
            raw = self._plain_dense(inputs, weights, self.name)
            return self._described.plain(inputs, raw)
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

    def snapshot(self) -> Config:
        return {
            **super().snapshot(),
            "parents": self.parents,
            "described": (self.described, self._described.arrays()),
        }

    def restore(self, snapshot: Config) -> None:
        super().restore(snapshot)
        self.parents = snapshot["parents"]
        self._described.restore(*snapshot["described"])

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self._described.build()

    def save_own_variables(self, store: Store) -> None:
        super().save_own_variables(store)
        if self.built and self.has_splits:
            store[PARENTS] = np.array(self.parents, "int32")
        self._described.save(store)

    def load_own_variables(self, store: Store) -> None:
        names = set(store.keys())
        found = tuple(np.asarray(store[PARENTS])) if PARENTS in names else ()
        if self.built and found != (self.parents if self.has_splits else ()):
            raise ValueError(
                f"ExpandableDense '{self.name}' has other splits than the "
                f"file. Received: parents={[int(p) for p in found]} in the "
                f"file, {list(self.parents)} in the head. Load the whole "
                "model, or grow the head by the same `parents` first."
            )
        self._described.load(store)
        others = {n for n in names if n.startswith(PREFIX)} | {PARENTS}
        super().load_own_variables(
            {name: store[name] for name in names - others}
        )

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "parents": list(self.parents) if self.has_splits else None,
            "exclusive": self.exclusive,
            "described": list(self.described) or None,
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


def _looked_at(rows):
    """Returns as many rows as are looked at, evenly spaced."""
    return rows[:: max(-(-len(rows) // MOST_UNLABELED), 1)]
