"""Adapters of the kinds of data that `fit` takes.

This is the one list of these kinds: how each is recognized, opened, sized and
mapped. No library for data is imported before such data comes.
"""

import collections.abc
import functools
import inspect
import itertools
import math
from collections.abc import Iterator
from collections.abc import Sequence

import keras
import numpy as np

from keras_incremental.data.adapter import Adapter
from keras_incremental.data.batches import ListedBatches
from keras_incremental.data.batches import MappedDataset
from keras_incremental.data.grain_adapter import GrainAdapter
from keras_incremental.data.labeled_dicts import is_labeled
from keras_incremental.data.workers import in_workers
from keras_incremental.utils.types import Data
from keras_incremental.utils.types import Function
from keras_incremental.utils.types import Structure


class TFDatasetAdapter(Adapter):
    kind = "tf.data"
    classes = ("DatasetV2",)
    module = "tensorflow.python."
    goes_on = True

    def __init__(self, data: Data):
        super().__init__(data)
        cardinality = int(data.cardinality())
        self.num_batches = {-1: math.inf, -2: None}.get(
            cardinality, cardinality
        )
        self.class_names = getattr(data, "class_names", None)
        self.element_spec = data.element_spec

    def passes(self, steps: int | None = None) -> Iterator[Structure]:
        if self.num_batches == math.inf:
            return iter(self.data)
        # Each iterator would begin with the same random numbers.
        return iter(self.data.take(-1 if steps is None else steps).repeat())

    def second_pass(self, steps: int | None, count: int) -> Iterator:
        if self.num_batches == math.inf:
            return super().second_pass(steps, count)
        # Of both passes, as nobody knows where the first ends.
        return iter(self.data.take(min(steps or count, count)).repeat(2))

    def map(self, function: Function, spec: Function | None = None) -> Data:
        import tensorflow as tf

        given = self.element_spec
        wanted = given if spec is None else spec(given)
        tensors = tf.nest.flatten(wanted, expand_composites=True)

        def on_host(*values):
            batch = tf.nest.pack_sequence_as(given, values, True)
            values = tf.nest.flatten(function(batch), expand_composites=True)
            return list(map(_as_spec, values, tensors))

        def apply(*batch):
            values = tf.nest.flatten(batch, expand_composites=True)
            dtypes = [tensor.dtype for tensor in tensors]
            values = tf.numpy_function(on_host, values, dtypes)
            shapes = [tensor.shape for tensor in tensors]
            values = list(map(tf.ensure_shape, values, shapes))
            return tf.nest.pack_sequence_as(wanted, values, True)

        mapped = self.data.map(apply).prefetch(tf.data.AUTOTUNE)
        if self.class_names is not None:
            mapped.class_names = self.class_names
        return mapped


class PyDatasetAdapter(Adapter):
    kind = "PyDataset"

    def __init__(self, data: Data):
        super().__init__(data)
        count = data.num_batches
        self.num_batches = math.inf if count is None else count
        self.class_names = getattr(data, "class_names", None)

    @classmethod
    def matches(cls, data: Data) -> bool:
        return isinstance(data, keras.utils.PyDataset)

    def batches(self) -> Iterator[Structure]:
        self.data.on_epoch_begin()
        yield from in_workers(self.data)
        self.data.on_epoch_end()

    def map(self, function: Function, spec: Function | None = None) -> Data:
        return MappedDataset(self.data, function)


class ListAdapter(Adapter):
    """Batches in a list, each a tuple of arrays, or a dict with labels."""

    kind = "list"

    def __init__(self, data: Data):
        super().__init__(data)
        self.num_batches = len(data)

    @classmethod
    def matches(cls, data: Data) -> bool:
        return (
            isinstance(data, list)
            and bool(data)
            and all(isinstance(b, tuple) or is_labeled(b) for b in data)
            and all(map(_is_batch, keras.tree.flatten(data[0])))
        )

    def map(self, function: Function, spec: Function | None = None) -> Data:
        return MappedDataset(ListedBatches(self.data), function)


class DataLoaderAdapter(Adapter):
    kind = "DataLoader"
    classes = ("DataLoader",)
    module = "torch.utils.data"

    def __init__(self, data: Data):
        super().__init__(data)
        self.class_names = getattr(data.dataset, "classes", None)
        if hasattr(data.dataset, "__len__"):
            self.num_batches = len(data)

    def set_class_names(self, names: Sequence[str]) -> None:
        self.data.dataset.classes = list(names)

    def map(self, function: Function, spec: Function | None = None) -> Data:
        from torch.utils.data import DataLoader
        from torch.utils.data import IterableDataset
        from torch.utils.data import default_convert

        loader = self.data

        class Mapped(IterableDataset):
            classes = self.class_names

            def __iter__(self):
                return map(function, loader)

        if self.num_batches is not None:
            # Keras takes whatever has `__len__` for something with an end.
            Mapped.__len__ = lambda _: len(loader)  # type: ignore[attr-defined]
        # By itself it would make lists of tuples, of which Keras takes no
        # nested ones on TensorFlow.
        convert = functools.partial(keras.tree.map_structure, default_convert)
        return DataLoader(Mapped(), batch_size=None, collate_fn=convert)


class IteratorAdapter(Adapter):
    kind = "generator"
    reiterable = False
    # Of a generator nobody knows.
    endless = (itertools.cycle, itertools.count)

    def __init__(self, data: Data):
        super().__init__(data)
        if isinstance(data, self.endless):
            self.num_batches = math.inf

    @classmethod
    def matches(cls, data: Data) -> bool:
        return isinstance(data, collections.abc.Iterator)

    def map(self, function: Function, spec: Function | None = None) -> Data:
        return (function(batch) for batch in self.data)


class FunctionAdapter(Adapter):
    """A function that returns an iterator of batches, a new one each time."""

    kind = "generator function"

    @classmethod
    def matches(cls, data: Data) -> bool:
        return inspect.isroutine(data) or isinstance(data, functools.partial)

    def batches(self) -> Iterator[Structure]:
        found = self.data()
        if not isinstance(found, collections.abc.Iterator):
            raise TypeError(
                "Data must be an array, a data set, or a function that "
                f"returns an iterator of batches. Received: {self.data!r}, "
                f"which returns {type(found).__name__}. Call it, and pass "
                "what it returns."
            )
        return found

    def map(self, function: Function, spec: Function | None = None) -> Data:
        raise TypeError(
            "Keras takes no function of batches, which it would have to "
            "call in each epoch. "
            f"Received: {self.data!r}. Call it, and pass what it returns, "
            "or a `keras.utils.PyDataset`."
        )


class ArraysAdapter(Adapter):
    """Arrays: one batch to `map`, or batches of `(x, y)` to read."""

    kind = "arrays"

    def __init__(
        self,
        data: Data,
        batch_size: int | None = None,
        class_names: list[str] | None = None,
    ):
        super().__init__(data)
        self._batch_size = batch_size
        self.class_names = class_names
        if batch_size is not None:
            self.num_batches = -(-len(data[0]) // batch_size)

    @classmethod
    def matches(cls, data: Data) -> bool:
        return True

    def batches(self) -> Iterator[Structure]:
        x, y = self.data
        size = self._batch_size or len(x)
        for start in range(0, len(x), size):
            part = slice(start, start + size)
            yield x[part], None if y is None else y[part]

    def map(self, function: Function, spec: Function | None = None) -> Data:
        return function(self.data)


KINDS = (
    TFDatasetAdapter,
    PyDatasetAdapter,
    DataLoaderAdapter,
    GrainAdapter,
    IteratorAdapter,
    ListAdapter,
    FunctionAdapter,
    ArraysAdapter,
)


def adapter_of(data: Data) -> Adapter:
    """Returns the `Adapter` of data; what nothing else takes are arrays."""
    bases = [(base.__name__, base.__module__) for base in type(data).__mro__]
    return next(kind(data) for kind in KINDS if _takes(kind, data, bases))


def _takes(kind, data, bases):
    """Returns whether an adapter is of data, by classes that it names."""
    if not kind.classes:
        return kind.matches(data)
    return any(
        name in kind.classes and module.startswith(kind.module)
        for name, module in bases
    )


def _is_batch(part):
    return len(getattr(part, "shape", ())) > 0


def _as_spec(value, spec):
    value = np.asarray(value)
    if value.dtype.kind == "U":
        return np.char.encode(value, "utf-8").astype(object)
    dtype = spec.dtype.as_numpy_dtype
    return value.astype(dtype, casting="same_kind", copy=False)
