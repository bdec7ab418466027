"""Samples that differ in shape, in the form of an array."""

import dataclasses
import math
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import Self
from typing import TypeGuard

import keras
import numpy as np
from numpy.typing import DTypeLike

from keras_incremental.utils import large_arrays
from keras_incremental.utils.types import Shape
from keras_incremental.utils.types import Structure

# What an open axis is taken for, where there is no sample.
OPEN = 64


@dataclasses.dataclass(frozen=True, eq=False)
class VaryingSamples:
    """Samples of one rank and dtype, each with a shape of its own.

    They are indexed, taken and cast as the rows of an array. An array of all
    of them exists only where one is made, by `padded`.

    Attributes:
        rows: Array of objects, each an array of numbers.
        sample_shape: Shape of one sample, `None` for axes that may differ.
        dtype: dtype of the numbers.
    """

    rows: np.ndarray
    sample_shape: Shape
    dtype: np.dtype

    @classmethod
    def of(
        cls,
        samples: Iterable[np.ndarray],
        sample_shape: Shape | None = None,
        dtype: DTypeLike | None = None,
    ) -> Self:
        """Returns arrays of numbers as samples.

        Args:
            samples: Iterable of arrays of one rank.
            sample_shape: As the attribute. Defaults to `None`: what they have
                in common.
            dtype: As the attribute. Defaults to `None`: one that holds all.
        """
        samples = list(samples)
        if sample_shape is None:
            sample_shape = common_shape(each.shape for each in samples)
        if dtype is None:
            dtype = np.result_type(*{each.dtype for each in samples})
        rows = np.empty(len(samples), object)
        for place, each in enumerate(samples):
            rows[place] = each.astype(dtype, copy=False)
        return cls(rows, sample_shape, np.dtype(dtype))

    @classmethod
    def of_flat(
        cls, values: np.ndarray, shapes: np.ndarray, sample_shape: Shape
    ) -> Self:
        """Returns the samples that `flat` and `shapes` were read of.

        Args:
            values: Array of shape `(num_values,)`.
            shapes: Ints of shape `(num_samples, rank)`.
            sample_shape: As the attribute.

        Raises:
            ValueError: if they do not fit together.
        """
        sizes = [math.prod(shape) for shape in shapes.tolist()]
        if min(shapes.ravel().tolist(), default=0) < 0:
            raise ValueError("a sample has a negative size")
        if values.shape != (sum(sizes),):
            raise ValueError(f"{values.shape} values of {sum(sizes)}")
        stops = np.cumsum([0, *sizes])
        samples = [
            values[start:stop].reshape(shape)
            for start, stop, shape in zip(
                stops[:-1], stops[1:], shapes.tolist(), strict=True
            )
        ]
        shapes_found = {sample.shape for sample in samples} | {sample_shape}
        if common_shape(shapes_found) != sample_shape:
            raise ValueError(f"samples of other shapes than {sample_shape}")
        return cls.of(samples, sample_shape, values.dtype)

    @property
    def shape(self) -> Shape:
        return (len(self.rows), *self.sample_shape)

    @property
    def shapes(self) -> np.ndarray:
        """Ints of shape `(num_samples, rank)`, the shape of each."""
        shapes = [row.shape for row in self.rows]
        return np.array(shapes, "int64").reshape(len(self), self.ndim - 1)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return sum(row.size for row in self.rows)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def __len__(self):
        return len(self.rows)

    def __iter__(self):
        return iter(self.rows)

    def __getitem__(self, rows):
        chosen = self.rows[rows]
        if isinstance(rows, (int, np.integer)):
            return chosen
        return dataclasses.replace(self, rows=chosen)

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "Samples that differ in shape are no array. Received: samples of "
            f"shape {self.sample_shape}. Index them one by one, or pad or "
            "resize them to one shape."
        )

    def with_shape(self, sample_shape: Shape) -> Self:
        """Returns the same samples, of which more axes may differ."""
        return dataclasses.replace(self, sample_shape=sample_shape)

    def take(self, rows: np.ndarray, axis: int = 0) -> Self:
        """Returns the samples at `rows`, in that order."""
        return self[rows]

    def astype(self, dtype: DTypeLike) -> Self:
        """Returns copies of the samples in another dtype."""
        samples = [row.astype(dtype) for row in self.rows]
        return type(self).of(samples, self.sample_shape, dtype)

    def flat(self) -> np.ndarray:
        """Returns the values of all samples, one after the other."""
        values = [row.ravel() for row in self.rows]
        return np.concatenate([np.zeros(0, self.dtype), *values])

    def groups(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields the positions of samples of one shape, and their array.

        Where there are no samples, it is an array of none.
        """
        if not len(self):
            shape = [OPEN if n is None else n for n in self.sample_shape]
            yield np.arange(0), np.zeros((0, *shape), self.dtype)
        places: dict[tuple[int, ...], list[int]] = {}
        for place, row in enumerate(self.rows):
            places.setdefault(row.shape, []).append(place)
        for found in places.values():
            yield np.array(found), np.stack([self.rows[k] for k in found])

    def padded(self, value: float | None, longest: Shape = ()) -> np.ndarray:
        """Returns the samples as one array.

        Args:
            value: Number that is put after the end of those that are shorter
                than the longest, or `None` where there is none that would not
                change what a model makes of them.
            longest: Shape that is reached at least. Defaults to `()`.

        Raises:
            ValueError: if they differ in shape, and `value` is `None`.
        """
        shapes: set[Any] = {row.shape for row in self.rows}
        shapes |= {longest} - {()}
        if len(shapes) > 1 and value is None:
            raise ValueError(
                "All samples of a batch must have one shape. Received: samples "
                f"of shape {self.sample_shape}. Pad them to one length, as "
                "`keras.utils.pad_sequences(x, padding='post', "
                "dtype='float32')` does, resize pictures, or give batches "
                "that have one shape each."
            )
        largest = np.max([*shapes], axis=0).tolist()
        value = 0.0 if value is None else value
        with np.errstate(invalid="ignore"):
            fits = np.float64(value).astype(self.dtype) == value
        dtype = self.dtype if fits else np.result_type(self.dtype, "float32")
        x = large_arrays.empty((len(self), *largest), dtype)
        x[:] = value
        for place, row in enumerate(self.rows):
            x[place][tuple(map(slice, row.shape))] = row
        return x


def common_shape(shapes: Iterable[Shape]) -> Shape:
    """Returns the shape that shapes of one rank have, `None` where they differ.

    Args:
        shapes: Iterable of tuples.
    """
    axes = zip(*set(shapes), strict=True)
    return tuple(n[0] if len(set(n)) == 1 else None for n in axes)


def is_varying(x: object) -> TypeGuard[VaryingSamples]:
    """Returns whether samples are `VaryingSamples`, and no array."""
    return isinstance(x, VaryingSamples)


def varies(x: Any) -> bool:
    """Returns whether samples, read or not yet, may differ in shape."""
    return None in x.shape


def may_join(x: Any, other: Any) -> bool:
    """Returns whether samples may lie below each other, if they differ."""
    kinds = {x.dtype.kind, other.dtype.kind}
    return x.ndim == other.ndim and x.ndim > 1 and kinds <= set("biuf")


def items_of(value: Any) -> list | None:
    """Returns the items of a list or an array of objects, if they differ.

    Args:
        value: What a user gives as samples.

    Returns:
        List, or `None` where the items have one shape or are no samples.
    """
    is_objects = isinstance(value, np.ndarray) and value.dtype == object
    if not isinstance(value, list) and not (is_objects and value.ndim == 1):
        return None
    try:
        shapes = {tuple(np.shape(item)) for item in value}
    except (ValueError, TypeError):
        # Items that are ragged themselves.
        return None
    ranks = {len(shape) for shape in shapes}
    if len(shapes) < 2 or len(ranks) > 1 or ranks == {0}:
        return None
    return list(value)


def joined(parts: Sequence[Any]) -> VaryingSamples:
    """Returns arrays and `VaryingSamples` below each other.

    Args:
        parts: List of samples of one rank.
    """
    shape = common_shape(part.shape[1:] for part in parts)
    dtype = np.result_type(*{part.dtype for part in parts})
    rows = [row for part in parts for row in part]
    return VaryingSamples.of(rows, shape, dtype)


def by_shape(function: Callable[[np.ndarray], Any], x: Any) -> Structure:
    """Returns what a function gives for samples of one shape at a time.

    Args:
        function: Function of an array, returns a structure of arrays with one
            row for each sample.
        x: Array, or `VaryingSamples`.

    Returns:
        The same for all samples, in their order.
    """
    if not is_varying(x):
        return function(x)
    places, outputs = [], []
    for rows, part in x.groups():
        places.append(rows)
        outputs.append(function(part))
    order = np.argsort(np.concatenate(places))
    return keras.tree.map_structure(
        lambda *parts: np.concatenate(parts)[order], *outputs
    )
