import itertools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_incremental.regularizers.quadratic_penalty import join_penalties
from keras_incremental.utils import state
from keras_incremental.utils.types import RegularizerLike
from keras_incremental.utils.types import Store
from keras_incremental.utils.types import Tensor


class ColumnLayer(keras.layers.Layer):
    """Base class of layers whose weights have one column for each class.

    The columns are kept in blocks of variables, oldest classes first. A file
    holds one array for each name, so `ExpandableDense` and a `Dense` of the
    same width can read the files of each other.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._columns = {name: [] for name in self.column_shapes(1, 1)}

    # Implemented by subclasses.

    def column_shapes(
        self, input_dim: int, units: int
    ) -> dict[str, tuple[int, ...]]:
        """Returns the shapes of the weights, classes on the last axis.

        Args:
            input_dim: Int, the size of the features.
            units: Int, the number of classes.

        Returns:
            Dict of names and shapes, in the order of saving.
        """
        raise NotImplementedError

    def column_initializer(self, name: str) -> Callable:
        """Returns the Keras initializer of the first columns `name`."""
        raise NotImplementedError

    def column_regularizer(self, name: str) -> RegularizerLike:
        """Returns the regularizer of the columns `name`, or `None`."""
        return None

    # Questions to every such layer.

    is_closed_form: bool = False
    reads_logits: bool = False

    def plain(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Builds the same outputs from layers of Keras alone.

        Args:
            inputs: `keras.KerasTensor` of what the layer reads.

        Returns:
            `keras.KerasTensor` of the outputs.

        Raises:
            ValueError: if no layers of Keras compute them.
        """
        raise ValueError(
            f"Keras has no layer that computes what {type(self).__name__} "
            f"does, so there is no plain model of '{self.name}'. Received: "
            f"inputs={inputs}. Keep the layer itself, with the classifier by "
            "`save`, or give it a method `plain`."
        )

    # What a classifier asks of a layer that predicts in place of its head.

    reads_logits = False

    def adapt_readout(
        self,
        read: Callable[[np.ndarray], np.ndarray],
        exemplars: tuple[np.ndarray, np.ndarray],
        new: tuple[np.ndarray, np.ndarray],
    ) -> None:
        """Adapts the layer to the network after a phase.

        Args:
            read: Function of samples, returns what the layer reads: logits
                where `reads_logits` is `True`, else features.
            exemplars: Pair of samples and labels, those that are kept.
            new: Pair of samples and labels, those of the phase.
        """
        raise NotImplementedError(
            f"{type(self).__name__} cannot predict in place of a head. "
            "Received: a recipe with such a `readout`. Give the layer a "
            "method `adapt_readout`, or use a head in closed form."
        )

    # Used by users.

    @property
    def column_variables(self) -> dict[str, tuple[keras.Variable, ...]]:
        """Dict of names and the variables of each, oldest classes first."""
        return {name: tuple(found) for name, found in self._columns.items()}

    def columns(self, name: str) -> np.ndarray:
        """Returns an array of all columns `name`, oldest class first."""
        self._check_built()
        parts = [ops.convert_to_numpy(v) for v in self._columns[name]]
        return np.concatenate(parts, -1)

    def column_tensor(self, name: str) -> Tensor:
        """Returns a differentiable tensor of all columns `name`."""
        self._check_built()
        return ops.concatenate(self._columns[name], -1)

    def assign_columns(self, name: str, value: Any) -> None:
        """Assigns all columns `name`.

        Args:
            name: String, one of `column_shapes`.
            value: Array of the shape of `columns(name)`.
        """
        self._check_columns(name, value)
        widths = [v.shape[-1] for v in self._columns[name]]
        parts = np.split(np.asarray(value), np.cumsum(widths)[:-1], -1)
        for variable, part in zip(self._columns[name], parts, strict=True):
            variable.assign(part)

    # Used by Keras.

    def save_own_variables(self, store: Store) -> None:
        for index, name in enumerate(self._columns if self.built else ()):
            store[str(index)] = self.columns(name)

    def load_own_variables(self, store: Store) -> None:
        names = list(self._columns if self.built else ())
        if len(store.keys()) != len(names):
            raise ValueError(
                f"{type(self).__name__} '{self.name}' stores {names}. "
                f"Received: a file with {len(store.keys())} arrays for it. "
                "Build the layer, with the arguments that it was saved with."
            )
        arrays = {n: np.asarray(store[str(i)]) for i, n in enumerate(names)}
        for name, value in arrays.items():
            self._check_columns(name, value)
        for name, value in arrays.items():
            self.assign_columns(name, value)

    # Blocks of columns.

    def _append_block(self, first_group, columns, units=None):
        """Adds the weights of a block, from values or from initializers."""
        for name, value in columns.items():
            if units is None:
                shape, initializer = value.shape, _constant(value)
            else:
                shape = self.column_shapes(self.input_dim, units)[name]
                initializer = value
            variable = self._add_columns(name, first_group, shape, initializer)
            variable.regularizer = self.column_regularizer(name)
            self._columns[name].append(variable)
        self._order_weights()

    def _join_variables(self, index, first_group):
        """Joins two neighboring blocks, and their penalties."""
        pair = slice(index, index + 2)
        for name, variables in self._columns.items():
            old = variables[pair]
            values = [ops.convert_to_numpy(v) for v in old]
            joined = join_penalties([v.regularizer for v in old], values)
            state.remove_variables(self, old)
            value = np.concatenate(values, -1)
            variable = self._add_columns(
                name, first_group, value.shape, _constant(value)
            )
            variable.regularizer = joined
            variable.trainable = old[0].trainable
            variables[pair] = [variable]
        self._order_weights()

    def _add_columns(self, name, first_group, shape, initializer):
        return self.add_weight(
            name=f"{name}_{first_group}", shape=shape, initializer=initializer
        )

    def _remove_blocks(self):
        for variables in self._columns.values():
            state.remove_variables(self, variables)
            variables.clear()

    def _order_weights(self):
        by_block = itertools.zip_longest(*self._columns.values())
        state.order_variables(
            self, [v for block in by_block for v in block if v is not None]
        )

    def _check_columns(self, name, value):
        expected, shape = self.columns(name).shape, tuple(np.shape(value))
        if shape != expected:
            raise ValueError(
                f"The {name} of {type(self).__name__} '{self.name}' has shape "
                f"{expected}. Received: shape {shape}. Give the head as many "
                "units first (`expand`), or load the file that belongs to it."
            )

    def _check_built(self):
        if not self.built:
            raise ValueError(
                f"{type(self).__name__} '{self.name}' has no weights yet. "
                "Call it on data, or build it with the shape of its inputs."
            )


def _constant(value):
    return lambda shape, dtype=None: ops.convert_to_tensor(value, dtype=dtype)
