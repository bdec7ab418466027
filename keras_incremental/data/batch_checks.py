"""Checks of batches, and of what all batches of a data set have in common."""

import math
import numbers
from typing import Any

import keras
import numpy as np

from keras_incremental.data.adapter import Adapter
from keras_incremental.data.arrays import refuse_ragged
from keras_incremental.data.arrays import to_numpy
from keras_incremental.data.map_batches import unpack
from keras_incremental.losses.joined_labels import refuse_joined
from keras_incremental.utils import records
from keras_incremental.utils.types import Structure
from keras_incremental.utils.types import Tensor
from keras_incremental.utils.varying import may_join


class BatchForm:
    """Form that all batches of a data set have, that of the first one.

    Args:
        has_labels: Bool, or `None` if that is not known before a batch.
        varies: Bool. Whether samples may differ in shape.
        dtype: NumPy dtype of the samples, or `None` before the first batch.

    Attributes:
        has_labels: Bool or `None`, as above.
        varies: Bool.
        dtype: NumPy dtype that holds the samples of all batches so far.
    """

    def __init__(self, has_labels: bool | None, varies: bool, dtype: Any):
        self.has_labels = has_labels
        self.varies = varies
        self.dtype = dtype
        self._first: Any = None
        self._labels: Any = None

    def check(self, x: np.ndarray, y: np.ndarray | None, where: str) -> None:
        """Raises a `ValueError` if a batch is unlike those before it.

        Args:
            x: Array of samples.
            y: Array of labels, or `None`.
            where: What errors call the batch by.
        """
        if self.has_labels is None:
            self.has_labels = y is not None
        if self.has_labels != (y is not None):
            raise ValueError(
                f"All batches must have labels, or none. Received: {where} "
                f"{'with' if y is not None else 'without'} labels."
            )
        self._check_shape(x, where)
        if y is not None:
            self._check_labels(y, where)

    def _check_labels(self, y, where):
        form = (y.shape[1:], y.dtype.kind == "U")
        self._labels = self._labels or form
        if form != self._labels:
            raise ValueError(
                "All labels must have one form: names, numbers, or one-hot "
                f"rows of one width. Received: y of {where} with shape "
                f"{y.shape} and dtype {y.dtype}, unlike the batches before. "
                "Convert all labels to one form."
            )

    def _check_shape(self, x, where):
        if self._first is None:
            # A copy, which does not keep the batch.
            self._first = x[np.arange(0)]
        first = self._first
        fits = self.varies and may_join(first, x)
        if not fits and records.describe(x) != records.describe(first):
            raise ValueError(
                "All samples must have one shape. Received: "
                f"{where} with {records.describe(x)} after "
                f"{records.describe(first)}. "
                "Resize them to one shape."
            )
        self.dtype = np.result_type(self.dtype or x.dtype, x.dtype)


def check_steps(steps: int | None, available: float | None, argument: str):
    """Raises a `ValueError` if data has fewer batches than are to be read.

    Args:
        steps: Int, batches to read, or `None`.
        available: Int, or `None` where it is not known.
        argument: What errors call the data by.
    """
    if steps and available and available < steps:
        raise ValueError(
            f"`{argument}` ends after {available} batches. Received: "
            f"steps={steps}. Pass steps={available}, or repeat the data."
        )


def check_count(name: str, value: Any) -> None:
    """Raises a `ValueError` unless a value is an int of 1 or more."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value < 1:
        raise ValueError(
            f"`{name}` must be an integer of 1 or more. Received: "
            f"{name}={value!r}."
        )


def check_length(
    adapter: Adapter,
    steps: int | None,
    argument: str,
    name: str | None = "steps",
) -> None:
    """Raises a `ValueError` if data is empty, or has no end.

    Args:
        adapter: `Adapter` of the data.
        steps: Int, batches to read, or `None`.
        argument: What errors call the data by.
        name: What they call `steps` by; `None`, where there is no such
            argument. Defaults to `"steps"`.
    """
    if adapter.num_batches == 0:
        raise ValueError(
            f"`{argument}` is empty. Received: {adapter.kind} with 0 batches. "
            "Check the path or the filter it is made with."
        )
    if adapter.num_batches == math.inf and steps is None:
        received = f"{name}=None" if name else adapter.kind
        fix = (
            f"Pass `{name}`, the number of batches to read, or give"
            if name
            else "Give"
        )
        raise ValueError(
            f"`{argument}` has no end. Received: {received}. {fix} it an end, "
            "for example with `dataset.take(n)` or `num_batches`."
        )


def check_specs(x: Structure, y: Any, argument: str) -> None:
    """Raises if the specs of a batch are not those of dense batches."""
    parts = keras.tree.flatten(x)
    refuse_ragged(parts, argument)
    for spec, name in (*((part, argument) for part in parts), (y, "y")):
        kind = type(spec).__name__
        is_nested = isinstance(spec, (dict, tuple, list))
        if is_nested or "Sparse" in kind or "Ragged" in kind:
            raise TypeError(
                f"`{name}` must be dense tensors. Received: {spec}. Make "
                "them dense, and join several labels into one."
            )
    check_batched(x, y, argument)


def check_batched(x: Structure, y: Any, argument: str) -> None:
    """Raises a `ValueError` if specs are not those of batches.

    Args:
        x: Specs of samples.
        y: Specs of labels, or `None`.
        argument: What errors call the data by.
    """
    specs = [s for s in keras.tree.flatten((x, y)) if hasattr(s, "shape")]
    shapes = [s.shape for s in specs]
    ranks = [shape.rank for shape in shapes]
    firsts = [shape[0] for shape in shapes if shape.rank]
    differ = None not in firsts and len(set(firsts)) > 1
    if 0 in ranks or differ:
        raise ValueError(
            f"`{argument}` must yield batches. Received: single examples "
            f"of shapes {[tuple(shape) for shape in shapes]}. Pass "
            f"`{argument}.batch(32)`."
        )


def check_ranks(x: Structure, argument: str) -> None:
    """Raises a `ValueError` if specs of samples do not say their axes.

    Args:
        x: Specs of samples.
        argument: What errors call the data by.
    """
    unknown = [s for s in keras.tree.flatten(x) if s.shape.rank is None]
    if unknown:
        raise ValueError(
            f"`{argument}` must say how many axes its samples have. Received: "
            f"{unknown[0]}. Pass `output_signature` to `from_generator`, or "
            "set shapes by `tf.ensure_shape` in `dataset.map`."
        )


def split_batch(batch: Structure, where: str) -> tuple:
    """Returns the samples and the labels, or `None`, of one batch."""
    x, y, sample_weight = unpack(batch, where)
    if sample_weight is not None:
        raise ValueError(
            "Sample weights are not supported here. Received: "
            f"{where} with (x, y, sample_weight). Give (x, y) only, for "
            "example by `dataset.map(lambda x, y, weights: (x, y))`: `fit` "
            "reads weights of samples, and `class_weight` of a classifier is "
            "for classes. Mix first, and add a teacher or weights then."
        )
    return x, y


def check_rank(x: Tensor, y: Any, where: str) -> None:
    """Raises a `ValueError` if a sample or a label is no batch of them."""
    if 0 in (np.ndim(x), 1 if y is None else np.ndim(y)):
        raise ValueError(
            "Data must come in batches. Received: single examples in "
            f"{where}. Batch it first, for example with `dataset.batch(32)`."
        )


def check_batch(x: np.ndarray, y: np.ndarray | None, where: str) -> None:
    """Raises a `ValueError` unless a batch has one label for each sample."""
    check_rank(x, y, where)
    if y is not None and len(x) != len(y):
        raise ValueError(
            f"There must be one label in `y` for each sample. Received: "
            f"{len(x)} samples and {len(y)} labels in {where}. Check what "
            "was filtered or shuffled apart."
        )


def labels_to_numpy(y: Tensor, argument: str) -> np.ndarray:
    """Returns the labels of a batch as an array."""
    refuse_joined(y, argument)
    return to_numpy(y, argument)
