from collections.abc import Callable
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from keras_incremental.layers import group_layout
from keras_incremental.layers.column_initializers import ColumnInitializer
from keras_incremental.layers.column_initializers import Imprinting
from keras_incremental.layers.column_initializers import new_columns
from keras_incremental.layers.column_layer import ColumnLayer
from keras_incremental.statistics import ClassMeans
from keras_incremental.utils import devices
from keras_incremental.utils import state
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import InitializerLike
from keras_incremental.utils.types import Shape
from keras_incremental.utils.types import Tensor

DEFAULT_INITIALIZER = "match_old_scale"


class ExpandableHead(ColumnLayer):
    """Base class of output layers that grow by groups of classes.

    The classes that arrive together are one *group*. `expand` appends a group
    and never resizes one, so the logits of older classes stay bit-identical.
    Tracing slows down with the number of weights. Therefore at most
    `max_groups` blocks of weights are kept apart, and the oldest blocks are
    joined at the next growth.

    A subclass implements three methods: `column_shapes`, the weights that
    have one column for each class; `column_initializer`, their initial
    values; `call_block`, the logits of one block. Such a head grows, and is
    trained, saved and restored. The rest of the package asks it these
    questions, which a subclass may answer in another way:

    - `plain(inputs)`: builds the same logits from layers of Keras. Raises an
      error by default.
    - `imprinting(features, labels)`: returns the initializer that points new
      columns at features. The default is `Imprinting`, for a kernel with or
      without a bias.
    - `start_from(columns)`: takes the place of a trained `Dense` layer. The
      default copies columns of the same name and shape.
    - `needs_imprinting`: whether such columns are a poor start, so that
      `remember` points all columns at features. Defaults to `False`.
    - `recenter(statistics)`: moves the center of the features. Does nothing
      by default.
    - `is_affine`: whether the logits are `inputs @ kernel + bias`, so that
      features can be centered and a bias corrected. Defaults to `False`.
    - `is_solvable`: whether they can be, by other columns. Defaults to
      `is_affine`, where no class is divided.
    - `can_describe`, `described`: whether classes can be added by where
      their samples lie, by a method `describe`, and which ones were. Defaults
      to `False`, and to none.
    - `can_split`, `has_splits`: whether `expand` accepts `parents`, and
      whether any class has a parent. Default to `False`.
    - `can_be_multi_label`: whether classes may be made independent by
      `exclusive = False`. Defaults to `False`.
    - `is_closed_form`, `update_state`, `forget_state`, `forget_classes`,
      `finalize_state`: whether the weights are solved for, and how. Defaults
      to `False`, and no state.
    - `per_example_rule`: computes the gradients of single examples at once.
      See `keras_incremental.regularizers.per_example`. Defaults to `None`, a
      loop over examples.

    Args:
        units: Int, 1 or more, or a list of ints, one for each group in order
            of arrival: the number of classes.
        max_groups: Int, 3 or more. The number of blocks of weights that are
            kept apart. A larger value delays joining and slows tracing.
            Defaults to `8`.
        frozen_groups: Int, 0 or more. The number of oldest groups that are
            not trained. Defaults to `0`.
        blocks: List of ints, or `None`. The number of groups in each block
            of weights, oldest first, as written by `get_config`. Defaults to
            `None`: one each, the oldest joined beyond `max_groups`.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        units: int | Sequence[int],
        max_groups: int = 8,
        frozen_groups: int = 0,
        blocks: Sequence[int] | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        owner = type(self).__name__
        group_layout.check_max_groups(max_groups, owner)
        self.group_sizes = group_layout.checked_sizes(units, owner)
        self.max_groups = max_groups
        self.blocks = group_layout.checked_blocks(
            blocks, self.group_sizes, max_groups, owner
        )
        self._frozen_groups = group_layout.checked_frozen(
            frozen_groups, self.blocks, owner
        )
        self.supports_masking = True

    # Implemented by subclasses, with the methods of `ColumnLayer`.

    def call_block(self, inputs: Tensor, columns: dict[str, Tensor]) -> Tensor:
        """Returns the logits of one block, `(batch_size, ..., units)`.

        Args:
            inputs: Tensor of shape `(batch_size, ..., input_dim)`.
            columns: Dict of names and tensors, the columns of the block.
        """
        raise NotImplementedError

    # Questions to a head, with the answers of a trained one.

    can_split: bool = False
    can_be_multi_label: bool = False
    exclusive: bool = True
    needs_imprinting: bool = False
    instead_of_parents = "start each child by `initializer=CopyOf(parent)`"

    @property
    def has_splits(self) -> bool:
        """Bool. Whether any class has a parent class."""
        return False

    @property
    def can_describe(self) -> bool:
        """Bool. Whether classes can be added by where their samples lie."""
        return False

    @property
    def described(self) -> tuple[int, ...]:
        """Tuple of ints, the classes that were added so."""
        return ()

    @property
    def is_affine(self) -> bool:
        """Bool. Whether the logits are `inputs @ kernel + bias`."""
        return False

    @property
    def is_solvable(self) -> bool:
        """Bool. Whether columns of a kernel and a bias may be all there is."""
        return self.is_affine and not self.has_splits

    @property
    def per_example_rule(self) -> Callable | None:
        """Function or `None`. See `regularizers.per_example`."""
        return None

    def imprinting(self, features: Tensor, labels: Tensor) -> ColumnInitializer:
        """Returns the initializer that points new columns at features.

        Args:
            features: Array of shape `(num_samples, input_dim)`.
            labels: Ints of shape `(num_samples,)`: 0 for the first new class.

        Returns:
            A `ColumnInitializer`.

        Raises:
            ValueError: if the head has other columns than a `Dense`.
        """
        if not {"kernel"} <= set(self._columns) <= {"kernel", "bias"}:
            raise ValueError(
                f"{type(self).__name__} '{self.name}' has no columns that "
                "point at features. Received: initializer='imprinting' and "
                f"columns {list(self._columns)}. Use another initializer, or "
                "give the head a method `imprinting`."
            )
        return Imprinting(features, labels)

    def imprint(
        self, features: Tensor, labels: Tensor, seed: int | None = None
    ) -> None:
        """Points the columns of the classes in `labels` at their features.

        Args:
            features: Array of shape `(num_samples, input_dim)`.
            labels: Ints of shape `(num_samples,)`, from 0 to `units - 1`.
            seed: Int or `None`, of random initializers. Defaults to `None`.
        """
        classes, positions = np.unique(labels, return_inverse=True)
        columns = {name: self.columns(name) for name in self._columns}
        old = {name: value[..., classes] for name, value in columns.items()}
        new = self.imprinting(features, positions)(old, len(classes), seed)
        for name, value in columns.items():
            value[..., classes] = new[name]
            self.assign_columns(name, value)

    def start_from(self, columns: dict[str, np.ndarray]) -> None:
        """Copies the columns of a trained head with the same classes.

        Only columns of the same name and shape are copied.

        Args:
            columns: Dict of arrays, such as those of a `Dense` layer:
                `"kernel"` of shape `(input_dim, units)` and `"bias"` of
                shape `(units,)`.
        """
        shapes = self.column_shapes(self.input_dim, self.units)
        for name, shape in shapes.items():
            if name in columns and columns[name].shape == shape:
                self.assign_columns(name, columns[name])

    def recenter(self, statistics: ClassMeans) -> None:
        """Moves the center of the features, if the head has one.

        Args:
            statistics: `FeatureStatistics` of the features.
        """

    def update_state(self, features: Tensor, labels: Tensor) -> None:
        """Adds features to the statistics of a closed-form head.

        A head that is trained has no statistics, and does nothing.

        Args:
            features: Array of shape `(num_samples, ..., input_dim)`.
            labels: Ints from 0 to `units - 1`, of shape
                `(num_samples, ...)`.
        """

    def forget_state(self, features: Tensor, labels: Tensor) -> None:
        """Takes features out of the statistics of a closed-form head.

        Args:
            features: See `update_state`; they were added before.
            labels: See `update_state`.
        """

    def forget_classes(self, classes: Sequence[int]) -> None:
        """Deletes what a closed-form head knows of some classes.

        Args:
            classes: List of ints. Their columns stay, as of classes without
                features.
        """

    def finalize_state(self) -> None:
        """Solves for the weights of a closed-form head."""

    # Used by users.

    @property
    def units(self) -> int:
        """Int. The current number of classes."""
        return sum(self.group_sizes)

    @property
    def group_slices(self) -> tuple[slice, ...]:
        """Tuple of the slices of columns of each group."""
        return group_layout.slices(self.group_sizes)

    @property
    def frozen_groups(self) -> int:
        """Int. The number of oldest groups that are not trained.

        Compile the model again after setting it.
        """
        return self._frozen_groups

    @frozen_groups.setter
    def frozen_groups(self, value: int) -> None:
        self._frozen_groups = group_layout.checked_frozen(
            value, self.blocks, type(self).__name__
        )
        self._freeze_blocks()

    @property
    def trainable(self) -> bool:
        return ColumnLayer.trainable.fget(self)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        # A parent that is made trainable must not thaw the frozen groups.
        ColumnLayer.trainable.fset(self, value)
        if hasattr(self, "blocks"):
            self._freeze_blocks()

    def expand(
        self,
        units: int,
        initializer: InitializerLike = DEFAULT_INITIALIZER,
        seed: int | None = None,
        parents: Sequence[int | None] | None = None,
    ) -> None:
        """Appends a group of classes; old logits stay the same.

        Compile the model again afterwards, or call
        `keras_incremental.expand(model, units)`, which does so.

        Args:
            units: Int, 1 or more: the number of new classes.
            initializer: Initializer of the new columns:
                `"match_old_scale"`, `"mean_of_old"`, `"zeros"`, a
                `layers.column_initializers.ColumnInitializer`, or a Keras
                initializer. A head that is not built yet accepts the default
                only: all its columns start by its own initializers. Defaults
                to `"match_old_scale"`.
            seed: Int or `None`. Seed of random initializers. Defaults to
                `None`: a new one each time, which
                `keras.utils.set_random_seed` makes reproducible.
            parents: List with the index of the parent class, or `None`, of
                each new class. For heads with `can_split` only. Defaults to
                `None`.

        Raises:
            TypeError: if `units` is not an int.
            ValueError: if `units` is below 1, if there is no such
                initializer or it gives columns of another shape, or if the
                head cannot split a class.
        """
        group_layout.check_units(units, type(self).__name__)
        if parents is not None:
            self._refuse(parents)
        if self.built:
            columns = new_columns(self, units, initializer, seed)
            with state.unlocked(self), devices.scope_of(self.weights):
                self._make_room()
                self._append_block(len(self.group_sizes), columns)
        else:
            self._check_default(initializer)
            self._make_room()
        self.group_sizes += (int(units),)
        self.blocks += (1,)
        self._freeze_blocks()

    # Used by Keras.

    def build(self, input_shape: Shape) -> None:
        if input_shape[-1] is None:
            raise ValueError(
                f"The last dimension of the inputs of {type(self).__name__} "
                f"must be known. Received: input_shape={input_shape}."
            )
        self.input_dim = int(input_shape[-1])
        self.input_spec = keras.layers.InputSpec(
            min_ndim=2, axes={-1: self.input_dim}
        )
        shapes = self.column_shapes(self.input_dim, self.units)
        start = 0
        for first, units in self._block_layout():
            part = slice(start, start + units)
            initializers = {
                name: _part_of(self.column_initializer(name), shape, part)
                for name, shape in shapes.items()
            }
            self._append_block(first, initializers, units)
            start += units
        self._freeze_blocks()

    def call(self, inputs: Tensor) -> Tensor:
        count = len(self.blocks)
        parts = [
            self.call_block(
                inputs, {name: v[i] for name, v in self._columns.items()}
            )
            for i in range(count)
        ]
        return parts[0] if count == 1 else ops.concatenate(parts, axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "units": list(self.group_sizes),
            "max_groups": self.max_groups,
            "frozen_groups": self.frozen_groups,
            "blocks": list(self.blocks),
        }

    # Rollback.

    def snapshot(self) -> Config:
        """Returns the state that `restore` brings back."""
        self._check_built()
        return {
            "group_sizes": self.group_sizes,
            "blocks": self.blocks,
            "frozen_groups": self._frozen_groups,
            "columns": {
                name: [
                    (ops.convert_to_numpy(v), v.regularizer) for v in variables
                ]
                for name, variables in self._columns.items()
            },
        }

    def restore(self, snapshot: Config) -> None:
        """Restores the groups, weights and penalties of a `snapshot`."""
        with state.unlocked(self), devices.scope_of(self.weights):
            self._remove_blocks()
            self.group_sizes = snapshot["group_sizes"]
            self.blocks = snapshot["blocks"]
            for index, (first, _) in enumerate(self._block_layout()):
                saved = {n: c[index] for n, c in snapshot["columns"].items()}
                self._append_block(first, {n: v for n, (v, _) in saved.items()})
                for name, (_, regularizer) in saved.items():
                    self._columns[name][-1].regularizer = regularizer
        self.frozen_groups = snapshot["frozen_groups"]

    # Blocks of groups.

    def _make_room(self):
        while len(self.blocks) >= self.max_groups:
            index = group_layout.oldest_pair(self.blocks, self._frozen_groups)
            if self.built:
                self._join_variables(index, sum(self.blocks[:index]))
            self.blocks = group_layout.join(self.blocks, index)

    def _block_layout(self):
        return group_layout.block_layout(self.group_sizes, self.blocks)

    def _freeze_blocks(self):
        frozen = group_layout.frozen_blocks(self.blocks, self._frozen_groups)
        for variables in self._columns.values():
            for variable, still in zip(variables, frozen, strict=False):
                variable.trainable = self.trainable and not still

    def _refuse(self, parents):
        raise ValueError(
            f"{type(self).__name__} '{self.name}' cannot split a class, as "
            f"`ExpandableDense` can. Received: parents={parents!r}. Leave "
            f"`parents` out, and {self.instead_of_parents}."
        )

    def _check_default(self, initializer):
        if initializer != DEFAULT_INITIALIZER:
            raise ValueError(
                f"{type(self).__name__} '{self.name}' is not built, so all its "
                "columns start by the initializers of the head. Received: "
                f"initializer={initializer!r}. Build the head first, or leave "
                "`initializer` out."
            )


def _part_of(initializer, shape, part):
    # One draw for the whole head, so that it starts as a Dense would.
    def initialize(_, dtype=None):
        return initializer(shape, dtype=dtype)[..., part]

    return initialize
