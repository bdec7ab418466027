import functools
import threading
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from keras_incremental.data import arrays
from keras_incremental.data.batch_checks import split_batch
from keras_incremental.data.labels import check_labels
from keras_incremental.memory.augmentation import augmented
from keras_incremental.memory.exemplars import Exemplars
from keras_incremental.memory.mixed_batches import JoinedRows
from keras_incremental.memory.mixed_batches import MixedBatches
from keras_incremental.memory.policies import MixingPolicy
from keras_incremental.utils import records
from keras_incremental.utils.types import Function
from keras_incremental.utils.types import Shape
from keras_incremental.utils.types import Structure


class Replay:
    """Adds exemplars to batches of new samples, by a policy.

    Arrays become `MixedBatches`. Where batches come one by one, the memory
    is gone through in a new order each time, without regard to where batches
    and epochs end.

    Args:
        exemplars: `Exemplars` to replay.
        policy: `MixingPolicy`, or `None` to replay nothing.
        augmentation: Layer or function on batches, or `None`.
        seed: Int.
    """

    def __init__(
        self,
        exemplars: Exemplars,
        policy: MixingPolicy | None,
        augmentation: Function | None = None,
        seed: int = 0,
    ):
        self.num_classes: int | None = None
        self.part_of = exemplars.part_of
        self._exemplars = exemplars
        self._policy: Any = policy
        self._augmentation = augmentation
        self._seed = seed
        self._lock = threading.Lock()
        self._position = 0
        self._order = functools.lru_cache(maxsize=2)(self._new_order)
        self._fitting: set[tuple] = set()

    @property
    def is_empty(self) -> bool:
        return len(self._exemplars) == 0 or self._policy is None

    def restart(self, num_classes: int | None = None) -> None:
        """Begins anew, and checks labels against a number of classes."""
        self.num_classes = num_classes
        self._position = 0

    def __call__(self, batch: Structure) -> tuple[Structure, np.ndarray]:
        x, y = split_batch(batch, "the data to mix")
        if y is None:
            raise unlabeled("batch")
        x = self.part_of(x)
        structured = records.is_structure(x)
        x, y = arrays.samples_to_numpy(x, "x"), arrays.to_numpy(y, "y")
        self.check(y)
        if self.is_empty:
            return records.unpacked(x) if structured else x, y
        self.check_parts(x.dtype.names or ())
        layout = x.shape[1:], x.dtype, (None, *y.shape[1:])
        if layout not in self._fitting:
            self.check_layout(*layout)
            self._fitting.add(layout)
        old_x, old_y = self.draw(x.dtype, y)
        x, y = records.joined([x, old_x]), np.concatenate([y, old_y])
        return records.unpacked(x) if structured else x, y

    def check(self, y: np.ndarray) -> None:
        """Raises if a label is outside the classes."""
        check_labels(y, self.num_classes)

    def draw(
        self, dtype: DTypeLike, y: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns exemplars to go with new labels `y`, in their form."""
        rows = self._next_rows(self.count(len(y)))
        held = self._exemplars
        seen = held.x[rows]
        if self._augmentation is not None:
            seen = records.cast(seen, np.dtype(held.dtype))
        x = augmented(self._augmentation, seen, dtype)
        return x, _encode(self._exemplars.y[rows], y)

    def count(self, num_new: int) -> int:
        """Returns how many exemplars go with a number of new samples."""
        return self._policy.count(num_new)

    def batches(
        self,
        x: np.ndarray,
        y: np.ndarray,
        dtype: DTypeLike,
        batch_size: int = 32,
        seed: int = 0,
    ) -> MixedBatches:
        """Returns `MixedBatches` of arrays of new samples and exemplars."""
        held = self._exemplars
        if self.is_empty:
            return MixedBatches(
                JoinedRows(x, x[:0], dtype), y, None, None, batch_size, seed
            )
        old_y = _encode(held.y, y)
        return MixedBatches(
            JoinedRows(x, held.x, dtype),
            np.concatenate([y, old_y]),
            self._policy,
            len(x),
            batch_size,
            seed,
            self._augmentation,
        )

    def check_one_shape(self) -> None:
        """Raises if exemplars differ in shape."""
        if not self.is_empty and None in self._exemplars.x.shape:
            raise of_several_shapes("the memory", self._exemplars.x.shape)

    def check_parts(self, names: Iterable[str]) -> None:
        """Raises if exemplars and new data have other parts.

        Args:
            names: Names of the parts of new samples; of one array, none.
        """
        held = () if self.is_empty else self._exemplars.x.dtype.names
        if not self.is_empty and tuple(names) != (held or ()):
            raise ValueError(
                "New data and exemplars must have the same parts. Received: x "
                f"of parts {list(names)}; the memory holds "
                f"{list(held or ())}. Prepare the new data like the old."
            )

    def check_layout(
        self, shape: Shape, dtype: DTypeLike, y_shape: Shape
    ) -> None:
        """Raises if exemplars and new data cannot lie in one batch."""
        held = self._exemplars
        sizes = zip(shape, held.x.shape[1:], strict=False)
        if len(shape) != held.x.ndim - 1 or any(
            a is not None and a != b for a, b in sizes
        ):
            raise ValueError(
                "New data and exemplars must have one shape. Received: x of "
                f"{tuple(shape)}; the memory holds {held.x.shape[1:]}. "
                "Resize the new data."
            )
        if not _fits(held, np.dtype(dtype)):
            raise ValueError(
                "New data and exemplars must be prepared in the same way. "
                f"Received: x of dtype {np.dtype(dtype)}; the memory holds "
                f"{held.dtype}. Cast or scale the new data like the old."
            )
        highest = int(held.y.max())
        if len(y_shape) == 2 and 1 < (y_shape[1] or 1) <= highest:
            raise ValueError(
                f"One-hot labels have no column for class {highest} of the "
                f"memory. Received: labels of width {y_shape[1]}. Use "
                f"`to_categorical(y, num_classes={highest + 1})`, or pass "
                "integers."
            )

    def _next_rows(self, count):
        size = len(self._exemplars)
        with self._lock:
            start = self._position
            self._position += count
        rounds = range(start // size, (start + count - 1) // size + 1)
        order = [self._order(number, size) for number in rounds]
        first = start - rounds[0] * size
        return np.concatenate(order)[first : first + count]

    def _new_order(self, number, size):
        seed = [self._seed, self._exemplars.next_phase, number]
        return np.random.default_rng(seed).permutation(size)


def unlabeled(kind: str) -> ValueError:
    """The error for data without labels."""
    return ValueError(
        "Labels are needed to mix and to select. Received: a "
        f"{kind} without labels. Pass `y`, or yield (x, y)."
    )


def of_several_shapes(where: str, shape: Shape) -> ValueError:
    """The error for samples that cannot lie in one batch."""
    return ValueError(
        "New data and exemplars must have one shape, to lie in one batch. "
        f"Received: samples of shape {shape[1:]} in {where}. Pad or resize "
        "all samples to one shape before `update` and `mix`, as "
        "`keras.utils.pad_sequences(x, padding='post', dtype='float32')` "
        "does, or let an `IncrementalClassifier` learn them as they are: "
        "with the layers below its head frozen, it computes features of each "
        "in its own shape."
    )


def _fits(held, dtype):
    if "U" in (held.dtype.kind, dtype.kind):
        return held.dtype.kind == dtype.kind
    return np.can_cast(held.x.dtype, dtype) or np.can_cast(
        held.dtype, dtype, "same_kind"
    )


def _encode(labels, like):
    """Labels with the rank, the width and the dtype of others."""
    if like.ndim == 2 and like.shape[1] > 1:
        return np.eye(like.shape[1], dtype=like.dtype)[labels]
    encoded = labels.astype(like.dtype).reshape((-1, *like.shape[1:]))
    if not np.array_equal(encoded.ravel(), labels):
        raise ValueError(
            "Labels of the memory do not fit into the dtype of the new "
            f"ones. Received: y of {like.dtype}; the memory holds classes up "
            f"to {labels.max()}. Use y.astype('int64')."
        )
    return encoded
