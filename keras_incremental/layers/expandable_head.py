import keras
import numpy as np
from keras import ops

from keras_incremental.layers import group_layout
from keras_incremental.layers.column_initializers import Imprinting
from keras_incremental.layers.column_initializers import new_columns
from keras_incremental.layers.column_layer import ColumnLayer
from keras_incremental.utils import state

DEFAULT_INITIALIZER = "match_old_scale"


class ExpandableHead(ColumnLayer):
    """Base of the heads that grow: columns in append-only groups.

    The classes that arrive together are one *group*. A group is appended,
    never resized, so what the older ones compute stays the same to the bit.
    Tracing slows with the number of weights; so at most `max_groups` blocks
    of weights are kept apart, and the oldest are joined at the next growth.

    A subclass names the weights that have one column for each class
    (`column_shapes`), says how they start (`column_initializer`) and computes
    with one block of them (`call_block`). That is a whole head: it grows, is
    trained, saved and restored. What else is asked of a head has an answer,
    which a subclass may give otherwise:

    - `plain(inputs)`: the same logits by layers of Keras. Refuses.
    - `imprinting(features, labels)`: the initializer that points new columns
      at features. That of a `Dense`, where the columns are called so.
    - `start_from(columns)`: how it takes the place of a trained `Dense`. By
      taking over what has the same name and shape.
    - `needs_imprinting`: whether these are a poor start, so that `remember`
      points all columns at features. `False`.
    - `recenter(statistics)`: moves the center of the features. Has none.
    - `is_affine`: whether the logits are `inputs @ kernel + bias`, so that
      features may be centered and a bias corrected. `False`.
    - `can_split`, `has_splits`: whether `expand` takes `parents`, and whether
      it did. `False`.
    - `can_be_multi_label`, `exclusive`: whether classes may apply together,
      and whether they exclude each other now. `False`, `True`.
    - `is_closed_form`, `update_state`, `finalize_state`: whether it is
      solved, not trained, and how. `False`, no state.
    - `per_example_rule`: how gradients of single examples are computed at
      once, see `keras_incremental.regularizers.per_example`. `None`: by a
      loop over examples.

    Args:
        units: Int, or a list of ints, one for each group in order of
            arrival: the number of classes, 1 or more.
        max_groups: Int, 3 or more. How many blocks of weights are kept
            apart. A larger value delays joining and slows tracing. Defaults
            to `8`.
        frozen_groups: Int. How many of the oldest groups do not train.
            Defaults to `0`.
        blocks: List of ints, or `None`. How many groups each block of
            weights holds, oldest first. `get_config` writes it. Defaults to
            one each, the oldest joined beyond `max_groups`.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(
        self, units, max_groups=8, frozen_groups=0, blocks=None, **kwargs
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

    # What a subclass gives, beside what `ColumnLayer` asks for.

    def call_block(self, inputs, columns):
        """Logits of one block, shape `(batch_size, ..., block_units)`."""
        raise NotImplementedError

    # What is asked of a head, with the answers of one that is trained.

    can_split = False
    can_be_multi_label = False
    has_splits = False
    exclusive = True
    is_affine = False
    needs_imprinting = False
    per_example_rule = None
    instead_of_parents = "start each child by `initializer=CopyOf(parent)`"

    def imprinting(self, features, labels):
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

    def imprint(self, features, labels, seed=None):
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

    def start_from(self, columns):
        """Starts from the columns of a trained head with the same classes.

        Takes over what has the same name and shape; the rest stays as drawn.

        Args:
            columns: Dict of arrays, those of a `Dense`: `"kernel"` of shape
                `(input_dim, units)`, `"bias"` of shape `(units,)`.
        """
        shapes = self.column_shapes(self.input_dim, self.units)
        for name, shape in shapes.items():
            if name in columns and columns[name].shape == shape:
                self.assign_columns(name, columns[name])

    def recenter(self, statistics):
        """Moves the center of the features, in a head that has one.

        Args:
            statistics: `FeatureStatistics` of the features.
        """

    def update_state(self, features, labels):
        """Counts features, in a head in closed form; others keep none.

        Args:
            features: Array of shape `(num_samples, ..., input_dim)`.
            labels: Ints from 0 to `units - 1`, of shape
                `(num_samples, ...)`.
        """

    def finalize_state(self):
        """Solves for the weights, in a head in closed form."""

    # What a user reads and does.

    @property
    def units(self):
        """Int. How many classes the head has now."""
        return sum(self.group_sizes)

    @property
    def group_slices(self):
        """One slice of the columns for each group, in order of arrival."""
        return group_layout.slices(self.group_sizes)

    @property
    def frozen_groups(self):
        """Int. How many of the oldest groups do not train.

        Compile the model anew after setting it.
        """
        return self._frozen_groups

    @frozen_groups.setter
    def frozen_groups(self, value):
        self._frozen_groups = group_layout.checked_frozen(
            value, self.blocks, type(self).__name__
        )
        self._freeze_blocks()

    @property
    def trainable(self):
        return ColumnLayer.trainable.fget(self)

    @trainable.setter
    def trainable(self, value):
        # A parent that is made trainable must not thaw the frozen groups.
        ColumnLayer.trainable.fset(self, value)
        if hasattr(self, "blocks"):
            self._freeze_blocks()

    def expand(
        self, units, initializer=DEFAULT_INITIALIZER, seed=None, parents=None
    ):
        """Appends a group of classes; the old logits stay as they are.

        Compile the model anew afterwards, or grow it by
        `keras_incremental.expand(model, units)`, which does that.

        Args:
            units: Int, 1 or more: how many classes arrive.
            initializer: How the new columns start: `"match_old_scale"`,
                `"mean_of_old"`, `"zeros"`, an object of
                `layers.column_initializers` (imprinting, copies of a
                parent), or any Keras initializer. Defaults to
                `"match_old_scale"`. A head that is not built yet takes no
                other: all its columns start by its own initializers.
            seed: Int or `None`, of the random initializers. Defaults to
                `None`: another one each time, which
                `keras.utils.set_random_seed` makes the same.
            parents: List with the index of an old class, or `None`, for each
                new one: what it came out of. Only of `ExpandableDense`.
                Defaults to `None`.

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
            with state.unlocked(self), state.strategy_scope(self.weights):
                self._make_room()
                self._append_block(len(self.group_sizes), columns)
        else:
            self._check_default(initializer)
            self._make_room()
        self.group_sizes += (int(units),)
        self.blocks += (1,)
        self._freeze_blocks()

    # How Keras uses it.

    def build(self, input_shape):
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

    def call(self, inputs):
        count = len(self.blocks)
        parts = [
            self.call_block(
                inputs, {name: v[i] for name, v in self._columns.items()}
            )
            for i in range(count)
        ]
        return parts[0] if count == 1 else ops.concatenate(parts, axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": list(self.group_sizes),
            "max_groups": self.max_groups,
            "frozen_groups": self.frozen_groups,
            "blocks": list(self.blocks),
        }

    # How it goes back.

    def snapshot(self):
        """All that `restore` needs to bring this moment back."""
        self._check_built()
        return {
            "group_sizes": self.group_sizes,
            "blocks": self.blocks,
            "frozen_groups": self._frozen_groups,
            "columns": {
                name: [
                    (ops.convert_to_numpy(v).copy(), v.regularizer)
                    for v in variables
                ]
                for name, variables in self._columns.items()
            },
        }

    def restore(self, snapshot):
        """Brings back groups, weights and penalties of a `snapshot`."""
        with state.unlocked(self), state.strategy_scope(self.weights):
            self._remove_blocks()
            self.group_sizes = snapshot["group_sizes"]
            self.blocks = snapshot["blocks"]
            for index, (first, _) in enumerate(self._block_layout()):
                saved = {n: c[index] for n, c in snapshot["columns"].items()}
                self._append_block(first, {n: v for n, (v, _) in saved.items()})
                for name, (_, regularizer) in saved.items():
                    self._columns[name][-1].regularizer = regularizer
        self.frozen_groups = snapshot["frozen_groups"]

    # How groups share blocks.

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
            f"`ExpandableDense` can. Received: parents={parents!r}. Leave it "
            f"out, and {self.instead_of_parents}."
        )

    def _check_default(self, initializer):
        if initializer != DEFAULT_INITIALIZER:
            raise ValueError(
                f"{type(self).__name__} '{self.name}' is not built, so all its "
                "columns will start alike. Received: "
                f"initializer={initializer!r}. Build it first, or leave "
                "`initializer` out."
            )


def _part_of(initializer, shape, part):
    # One draw for the whole head, so that it starts as a Dense would.
    def initialize(_, dtype=None):
        return initializer(shape, dtype=dtype)[..., part]

    return initialize
