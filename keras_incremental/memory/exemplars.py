import dataclasses
import functools
import itertools
from collections.abc import Sequence
from typing import Any
from typing import Self

import numpy as np
from numpy.typing import DTypeLike

from keras_incremental.data import arrays
from keras_incremental.memory import stored_samples
from keras_incremental.memory.stored_samples import keys_of
from keras_incremental.memory.stored_samples import with_shapes
from keras_incremental.utils import varying
from keras_incremental.utils.types import Shape
from keras_incremental.utils.types import Structure

COLUMNS = ("y", "ids", "phases", "label_versions")


@dataclasses.dataclass(frozen=True)
class Exemplars:
    """The content of a memory: never changed, only replaced.

    Rows lie class by class, each class in the order of its selection.

    Attributes:
        x: Samples in compact storage, an array, `StoredSamples` or
            `VaryingSamples`, or `None` in an empty memory.
        y: Class of each row.
        ids: Identity of each row, never used twice.
        phases: Number of the update that brought the row.
        label_versions: Version of the meaning of the labels at that time.
        dtype: dtype of the samples as the model saw them.
        next_id: Identity of the next row.
        next_phase: Number of the next update.
        logits: What the model said of each row, or `None`; NaN where it said
            nothing.
        keys: What tells the content of each row, see `keys_of`. Defaults to
            `None`: computed of `x`.
    """

    x: Any = None
    y: np.ndarray = dataclasses.field(default_factory=lambda: _integers(()))
    ids: np.ndarray = dataclasses.field(default_factory=lambda: _integers(()))
    phases: np.ndarray = dataclasses.field(
        default_factory=lambda: _integers(())
    )
    label_versions: np.ndarray = dataclasses.field(
        default_factory=lambda: _integers(())
    )
    dtype: np.dtype | None = None
    next_id: int = 0
    next_phase: int = 0
    logits: np.ndarray | None = None
    keys: Any = None

    def __post_init__(self):
        if self.keys is None:
            keys = _integers(()) if self.x is None else keys_of(self.x)
            object.__setattr__(self, "keys", keys)

    def __len__(self):
        return len(self.y)

    def part_of(self, x: Structure) -> Structure:
        """Returns the part of a dict that samples of this content are like.

        Data sets give ids and names of files beside a picture. If no part, or
        several have the shape of a sample, all are returned.

        Args:
            x: Batch of new samples, or specs of one.
        """
        if not isinstance(x, dict) or not len(self) or self.x.dtype.names:
            return x
        shape, is_text = self.x.shape[1:], self.x.dtype.kind == "U"
        fitting = [
            part
            for part in x.values()
            if tuple(getattr(part, "shape", ()))[1:] == shape
            and _is_text(part.dtype) == is_text
        ]
        return fitting[0] if len(fitting) == 1 else x

    @property
    def counts(self) -> dict[int, int]:
        if self.spans is not None:
            return {k: stop - start for k, (start, stop) in self.spans.items()}
        classes, first, counts = np.unique(
            self.y, return_index=True, return_counts=True
        )
        order = np.argsort(first)
        return dict(
            zip(classes[order].tolist(), counts[order].tolist(), strict=True)
        )

    @functools.cached_property
    def spans(self) -> dict[int, tuple[int, int]] | None:
        """First row of each class and that after its last, in their order.

        `None` where the rows of a class do not lie together, as in streams.
        """
        changes = np.flatnonzero(self.y[1:] != self.y[:-1]) + 1
        edges = [0, *changes.tolist(), len(self)] if len(self) else [0]
        labels = self.y[edges[:-1]].tolist()
        if len(set(labels)) < len(labels):
            return None
        return dict(zip(labels, itertools.pairwise(edges), strict=True))

    @property
    def nbytes(self) -> int:
        held = [getattr(self, name) for name in ("x", "logits", *COLUMNS)]
        return sum(part.nbytes for part in held if part is not None)

    def take(self, rows: np.ndarray | slice) -> Self:
        """The exemplars at `rows`, in that order."""
        if self.x is None:
            return self
        columns = {name: getattr(self, name)[rows] for name in COLUMNS}
        logits = None if self.logits is None else self.logits[rows]
        stored = stored_samples.is_stored(self.x)
        return dataclasses.replace(
            self,
            x=self.x.take(rows) if stored else self.x[rows],
            logits=logits,
            keys=self.keys[rows],
            **columns,
        )

    def with_shape(self, shape: Shape) -> Self:
        """The same exemplars, as samples of a shape that has `None`."""
        x, keys = self.x, self.keys
        if not varying.varies(x):
            keys = with_shapes(keys, np.array(x.shape[1:]))
        if isinstance(x, np.ndarray):
            x = varying.VaryingSamples.of(x, shape, x.dtype)
        else:
            x = x.with_shape(shape)
        return dataclasses.replace(self, x=x, keys=keys)

    def rows_of(self, label: int) -> np.ndarray:
        return np.flatnonzero(self.y == label)

    def of_class(self, label: int) -> Self:
        """The exemplars of a class, without a copy where they lie together."""
        if self.spans is None:
            return self.take(self.rows_of(label))
        return self.take(slice(*self.spans.get(label, (0, 0))))

    def new(
        self,
        x: np.ndarray,
        labels: np.ndarray | int,
        label_version: int,
        dtype: DTypeLike,
        logits: np.ndarray | None = None,
        keys: np.ndarray | None = None,
    ) -> Self:
        """Samples as exemplars of the phase that runs."""
        size = len(x)
        if len(self):
            dtype = np.result_type(self.dtype, dtype)
        return dataclasses.replace(
            self,
            x=x,
            y=np.full(size, labels, "int64"),
            ids=np.arange(self.next_id, self.next_id + size),
            phases=np.full(size, self.next_phase, "int64"),
            label_versions=np.full(size, label_version, "int64"),
            dtype=np.dtype(dtype),
            next_id=self.next_id + size,
            logits=logits,
            keys=keys,
        )


def join(parts: Sequence[Exemplars]) -> Exemplars:
    """Exemplars of several classes as one content; the last is the newest."""
    dtype = np.result_type(*[part.dtype for part in parts if len(part)])
    x = [part.x for part in parts if len(part)]
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in (*COLUMNS, "keys")
    }
    logits = [part.logits for part in parts]
    return dataclasses.replace(
        parts[-1],
        x=stored_samples.joined(x, dtype),
        dtype=dtype,
        logits=join_logits(logits, [len(part) for part in parts]),
        **columns,
    )


def in_one_form(held: Exemplars, x: Any) -> tuple[Exemplars, Any]:
    """Returns exemplars and new samples, both as they differ in shape or not.

    Args:
        held: `Exemplars`.
        x: Array, or `VaryingSamples`.
    """
    if not len(held):
        return held, x
    shape = varying.common_shape([held.x.shape[1:], x.shape[1:]])
    if None not in shape:
        return held, x
    if not varying.varies(x):
        x = varying.VaryingSamples.of(x, shape, x.dtype)
    return held.with_shape(shape), x


def checked_logits(logits, size):
    """Logits of new samples as float32, or `None` if there are none."""
    if logits is None:
        return None
    logits = arrays.to_numpy(logits, "logits")
    if (
        logits.ndim != 2
        or len(logits) != size
        or logits.dtype.kind not in "fiu"
    ):
        raise ValueError(
            "`logits` must have one row of numbers for each sample. "
            f"Received: logits of shape {logits.shape} and {logits.dtype} "
            f"for {size} samples. Give what the model's head returns for `x`."
        )
    arrays.check_finite(logits, "logits")
    return logits.astype("float32")


def widened_logits(logits, size, width):
    """The logits of `size` rows in `width` columns, NaN where unknown."""
    wide = np.full((size, width), np.nan, "float32")
    if logits is not None:
        wide[:, : logits.shape[1]] = logits
    return wide


def join_logits(parts, sizes):
    """Logits of several parts below each other, `None` if none has any."""
    widths = [part.shape[1] for part in parts if part is not None]
    if not widths:
        return None
    pairs = zip(parts, sizes, strict=True)
    return np.concatenate([widened_logits(p, n, max(widths)) for p, n in pairs])


def _integers(values):
    return np.array(values, "int64")


def _is_text(dtype):
    return getattr(dtype, "kind", dtype) in ("U", "O", "S", "string")
