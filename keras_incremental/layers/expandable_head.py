import itertools

import keras
import numpy as np
from keras import ops

from keras_incremental.layers.column_initializers import new_columns
from keras_incremental.regularizers.quadratic_penalty import join_penalties
from keras_incremental.utils import state


class ExpandableHead(keras.layers.Layer):
    """Base of the heads that grow: columns in append-only groups.

    The classes that arrive together are one *group*. A group is appended,
    never resized, so what the older ones compute stays the same to the bit.
    Tracing slows with the number of weights; so at most `max_groups` blocks
    of weights are kept apart, and the oldest are joined at the next growth.

    A subclass names the weights that have one column for each class
    (`column_shapes`) and computes with one block of them (`call_block`).

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
        sizes = tuple(units) if isinstance(units, (list, tuple)) else (units,)
        for size in sizes or (0,):
            self._check_units(size)
        if not isinstance(max_groups, int) or max_groups < 3:
            raise ValueError(
                f"`max_groups` of {type(self).__name__} must be an int of 3 "
                f"or more. Received: max_groups={max_groups}."
            )
        self.group_sizes = tuple(int(size) for size in sizes)
        self.max_groups = max_groups
        self.blocks = self._checked_blocks(blocks)
        self._frozen_groups = self._checked_frozen(frozen_groups)
        self._columns = {name: [] for name in self.column_shapes(1, 1)}

    # What a subclass gives.

    def column_shapes(self, input_dim, units):
        """Shapes of the weights of `units` classes, columns on the last axis.

        Returns:
            A dict of names and shapes, in the order of saving.
        """
        raise NotImplementedError

    def call_block(self, inputs, columns):
        """Logits of one block, shape `(batch_size, ..., block_units)`."""
        raise NotImplementedError

    def column_initializer(self, name):
        """The Keras initializer of the first columns called `name`."""
        raise NotImplementedError

    # What a user reads and does.

    @property
    def units(self):
        """Int. How many classes the head has now."""
        return sum(self.group_sizes)

    @property
    def group_slices(self):
        """One slice of the columns for each group, in order of arrival."""
        ends = itertools.accumulate(self.group_sizes)
        return tuple(
            slice(end - size, end)
            for size, end in zip(self.group_sizes, ends, strict=True)
        )

    @property
    def frozen_groups(self):
        """Int. How many of the oldest groups do not train.

        Compile the model anew after setting it.
        """
        return self._frozen_groups

    @frozen_groups.setter
    def frozen_groups(self, value):
        self._frozen_groups = self._checked_frozen(value)
        self._freeze_blocks()

    @property
    def trainable(self):
        return keras.layers.Layer.trainable.fget(self)

    @trainable.setter
    def trainable(self, value):
        # A parent that is made trainable must not thaw the frozen groups.
        keras.layers.Layer.trainable.fset(self, value)
        if hasattr(self, "_columns"):
            self._freeze_blocks()

    def expand(self, units, initializer="match_old_scale", seed=None):
        """Appends a group of classes; the old logits stay as they are.

        Compile the model anew afterwards, or grow it by
        `keras_incremental.expand(model, units)`, which does that.

        Args:
            units: Int, 1 or more: how many classes arrive.
            initializer: How the new columns start: `"match_old_scale"`,
                `"mean_of_old"`, `"zeros"`, an object of
                `layers.column_initializers` (imprinting, copies of a
                parent), or any Keras initializer. Defaults to
                `"match_old_scale"`.
            seed: Int or `None`, of the random initializers.
        """
        self._check_units(units)
        if self.built:
            columns = new_columns(self, units, initializer, seed)
            with (
                state.unlocked(self),
                state.strategy_scope(self.weights),
            ):
                self._make_room()
                self._append_block(len(self.group_sizes), columns)
        self.group_sizes += (int(units),)
        self.blocks += (1,)
        if not self.built:
            self.blocks = self._checked_blocks(None)
        self._freeze_blocks()

    def columns(self, name):
        """Array of all columns called `name`, oldest class first."""
        parts = [ops.convert_to_numpy(v) for v in self._columns[name]]
        return np.concatenate(parts, -1)

    def assign_columns(self, name, value):
        """Writes all columns called `name`, an array as `columns` gives."""
        expected = self.columns(name).shape
        if tuple(np.shape(value)) != expected:
            raise ValueError(
                f"The {name} of {type(self).__name__} '{self.name}' has shape "
                f"{expected}. Received: shape {tuple(np.shape(value))}. Give "
                f"the head {np.shape(value)[-1]} units first (`expand`), or "
                "load the file that belongs to it."
            )
        widths = [v.shape[-1] for v in self._columns[name]]
        parts = np.split(value, np.cumsum(widths)[:-1], -1)
        for variable, part in zip(self._columns[name], parts, strict=True):
            variable.assign(part)

    # How Keras uses it.

    def build(self, input_shape):
        if input_shape[-1] is None:
            raise ValueError(
                f"The last dimension of the inputs of {type(self).__name__} "
                f"must be known. Received: input_shape={input_shape}."
            )
        self.input_dim = int(input_shape[-1])
        shapes = self.column_shapes(self.input_dim, self.units)
        sources = {
            name: (self.column_initializer(name), shape)
            for name, shape in shapes.items()
        }
        start = 0
        for first, units in self._block_layout():
            part = slice(start, start + units)
            self._append_block(
                first,
                {
                    name: self._part_of(initializer, shape, part)
                    for name, (initializer, shape) in sources.items()
                },
                units,
            )
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

    def save_own_variables(self, store):
        # One array for each name, whatever the blocks: a weights file of a
        # Dense of the same width is one of ExpandableDense, and back.
        for index, name in enumerate(self._columns):
            store[str(index)] = self.columns(name)

    def load_own_variables(self, store):
        if len(store.keys()) != len(self._columns):
            raise ValueError(
                f"{type(self).__name__} '{self.name}' stores "
                f"{list(self._columns)}. Received: a file with "
                f"{len(store.keys())} arrays for it. Build the layer with the "
                "arguments that it was saved with."
            )
        for index, name in enumerate(self._columns):
            self.assign_columns(name, np.asarray(store[str(index)]))

    # How it grows.

    def snapshot(self):
        """All that `restore` needs to bring this moment back."""
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
            for variables in self._columns.values():
                state.remove_variables(self, variables)
                variables.clear()
            self.group_sizes = snapshot["group_sizes"]
            self.blocks = snapshot["blocks"]
            for index, (first, _) in enumerate(self._block_layout()):
                saved = {n: c[index] for n, c in snapshot["columns"].items()}
                self._append_block(first, {n: v for n, (v, _) in saved.items()})
                for name, (_, regularizer) in saved.items():
                    self._columns[name][-1].regularizer = regularizer
        self.frozen_groups = snapshot["frozen_groups"]

    def _append_block(self, first_group, columns, units=None):
        """Adds the weights of one block; values or initializers by name."""
        for name, value in columns.items():
            if units is None:
                shape, initializer = value.shape, _constant(value)
            else:
                shape = self.column_shapes(self.input_dim, units)[name]
                initializer = value
            self._columns[name].append(
                self.add_weight(
                    name=f"{name}_{first_group}",
                    shape=shape,
                    initializer=initializer,
                    regularizer=self.column_regularizer(name),
                )
            )
        self._order_weights()

    def column_regularizer(self, name):
        """The regularizer of the columns called `name`, or `None`."""
        return None

    def _make_room(self):
        while len(self.blocks) >= self.max_groups:
            self._join_blocks(self._oldest_pair())

    def _oldest_pair(self):
        # A frozen block and a trainable one cannot become one weight.
        frozen = self._frozen_blocks()
        return next(
            i for i in range(len(self.blocks) - 1) if frozen[i] == frozen[i + 1]
        )

    def _join_blocks(self, index):
        """Makes one block of two neighbours, their penalties with them."""
        pair = slice(index, index + 2)
        first_group = sum(self.blocks[:index])
        for name, variables in self._columns.items():
            old = variables[pair]
            values = [ops.convert_to_numpy(v) for v in old]
            joined = join_penalties([v.regularizer for v in old], values)
            state.remove_variables(self, old)
            value = np.concatenate(values, -1)
            variable = self.add_weight(
                name=f"{name}_{first_group}",
                shape=value.shape,
                initializer=_constant(value),
                regularizer=joined,
            )
            variable.trainable = old[0].trainable
            variables[pair] = [variable]
        sizes = self.blocks
        self.blocks = (
            *sizes[:index],
            sum(sizes[pair]),
            *sizes[index + 2 :],
        )
        self._order_weights()

    def _order_weights(self):
        by_block = itertools.zip_longest(*self._columns.values())
        state.order_variables(
            self, [v for block in by_block for v in block if v is not None]
        )

    def _block_layout(self):
        """First group and number of units of each block."""
        ends = list(itertools.accumulate(self.blocks))
        return [
            (end - count, sum(self.group_sizes[end - count : end]))
            for count, end in zip(self.blocks, ends, strict=True)
        ]

    def _frozen_blocks(self):
        ends = itertools.accumulate(self.blocks)
        return [end <= self._frozen_groups for end in ends]

    def _freeze_blocks(self):
        for variables in self._columns.values():
            for variable, frozen in zip(
                variables, self._frozen_blocks(), strict=False
            ):
                variable.trainable = self.trainable and not frozen

    def _part_of(self, initializer, shape, part):
        # One draw for the whole head, so that it starts as a Dense would.
        def initialize(_, dtype=None):
            return initializer(shape, dtype=dtype)[..., part]

        return initialize

    def _checked_blocks(self, blocks):
        count = len(self.group_sizes)
        if blocks is None:
            oldest = max(count - self.max_groups + 1, 1)
            return (oldest,) + (1,) * (count - oldest)
        if sum(blocks) != count or min(blocks) < 1:
            raise ValueError(
                f"`blocks` of {type(self).__name__} must add up to the number "
                f"of groups. Received: blocks={blocks} for {count} groups."
            )
        return tuple(int(size) for size in blocks)

    def _checked_frozen(self, count):
        if not isinstance(count, int) or not 0 <= count <= len(
            self.group_sizes
        ):
            raise ValueError(
                f"`frozen_groups` of {type(self).__name__} must be an int "
                f"from 0 to {len(self.group_sizes)}, the number of groups. "
                f"Received: frozen_groups={count}."
            )
        ends = itertools.accumulate(getattr(self, "blocks", ()))
        if count and count not in ends:
            raise ValueError(
                f"Group {count - 1} of {type(self).__name__} was joined with "
                f"its neighbours. Received: frozen_groups={count}. Freeze one "
                f"of {list(itertools.accumulate(self.blocks))} groups, or "
                "build the head with a larger `max_groups`."
            )
        return count

    def _check_units(self, units):
        if isinstance(units, bool) or not isinstance(units, (int, np.integer)):
            raise TypeError(
                f"`units` of {type(self).__name__} must be an int. "
                f"Received: units={units!r}."
            )
        if units < 1:
            raise ValueError(
                f"`units` of {type(self).__name__} must be 1 or more. "
                f"Received: units={units}."
            )


def _constant(value):
    return lambda shape, dtype=None: ops.convert_to_tensor(value, dtype=dtype)
