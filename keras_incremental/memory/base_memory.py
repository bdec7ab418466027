import os
from collections.abc import Sequence
from typing import Any
from typing import Self

import numpy as np

from keras_incremental.memory import exemplar_files
from keras_incremental.memory.exemplars import Exemplars
from keras_incremental.memory.exemplars import widened_logits
from keras_incremental.memory.policies import MixingPolicy
from keras_incremental.utils import records
from keras_incremental.utils.types import Function
from keras_incremental.utils.types import Shape


class BaseMemory:
    """Base of memories, with access to their content.

    The content is replaced as a whole, so that a snapshot costs nothing and
    a change that fails changes nothing. A subclass has a `budget`.

    Attributes:
        augmentation: Layer or function on batches of exemplars, or `None`.
        features: Function of samples, returns what selections compare, or
            `None`.
        forgotten: Frozenset of ints, identities that `forget` has removed.
    """

    augmentation: Function | None = None
    features: Function | None = None
    budget: int

    def __init__(self):
        self._content = Exemplars()
        self.forgotten: frozenset[int] = frozenset()

    def __len__(self):
        return len(self._content)

    @property
    def mixing_policy(self) -> MixingPolicy | None:
        """`MixingPolicy` that the memory asks for, or `None`."""
        return None

    @property
    def is_replayed(self) -> bool:
        """Bool. Whether exemplars are replayed in training."""
        return True

    @property
    def replays(self) -> bool:
        """Bool. Whether there are exemplars, and they are replayed."""
        return self.is_replayed and len(self) > 0

    @property
    def classes(self) -> list[int]:
        """Classes, in order of arrival."""
        return list(self.counts)

    @property
    def counts(self) -> dict[int, int]:
        """Dict of class to number of exemplars, in order of arrival."""
        return self._content.counts

    @property
    def sample_shape(self) -> Shape | None:
        """Shape of one sample, or `None` while there are none."""
        return self._content.x.shape[1:] if len(self) else None

    @property
    def nbytes(self) -> int:
        """Bytes that the exemplars occupy."""
        return self._content.nbytes

    @property
    def ids(self) -> np.ndarray:
        """Identity of each exemplar, in the order of `arrays`."""
        return self._content.ids.copy()

    @property
    def phases(self) -> np.ndarray:
        """Number of the insertion that brought each exemplar."""
        return self._content.phases.copy()

    @property
    def label_versions(self) -> np.ndarray:
        """Version of the meaning of the labels, for each exemplar."""
        return self._content.label_versions.copy()

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """All exemplars; class by class, best first, if they were selected.

        Returns:
            Arrays `(x, y)`: x in the dtype that the model saw, y of int64.

        Raises:
            ValueError: if there are none.
        """
        held = self._content
        self._check_filled()
        return records.cast(held.x, held.dtype), held.y.copy()

    def stored_logits(self, num_classes: int) -> np.ndarray:
        """Logits that came with the exemplars, in the order of `arrays`.

        Args:
            num_classes: Int, columns of the result.

        Returns:
            Float32 array of shape `(len(self), num_classes)`; NaN for classes
            that the model did not have then, and for exemplars that came
            without logits.

        Raises:
            ValueError: if logits of more classes are stored.
        """
        held = self._content
        width = 0 if held.logits is None else held.logits.shape[1]
        if num_classes < width:
            raise ValueError(
                f"The memory holds logits of {width} classes. Received: "
                f"num_classes={num_classes}. Ask for as many as the model "
                "has."
            )
        return widened_logits(held.logits, len(held), num_classes)

    def snapshot(self) -> Any:
        """The present content, to give to `restore`."""
        return self._content

    def restore(self, snapshot: Any) -> None:
        """Puts an earlier content back, exactly."""
        check_snapshot(snapshot, Exemplars)
        self._content = snapshot

    def forget(self, ids: Sequence[int] | np.ndarray) -> int:
        """Removes exemplars by identity.

        Statistics and weights of a classifier know no less for it: call its
        own `forget`, which takes samples out of these too.

        Args:
            ids: Array or list of ints. Those not stored are passed over.

        Returns:
            The number removed.
        """
        gone = np.isin(self._content.ids, checked_ids(ids))
        if gone.any():
            self.forgotten |= set(self._content.ids[gone].tolist())
            self._content = self._content.take(np.flatnonzero(~gone))
        return int(gone.sum())

    def forget_classes(self, classes: Sequence[int]) -> int:
        """Removes all exemplars of some classes, and what is known of these.

        Args:
            classes: List of ints.

        Returns:
            The number removed.
        """
        held = self._content
        return self.forget(held.ids[np.isin(held.y, classes)])

    def take_over(self, memory: Self) -> None:
        """Copies the content of another memory.

        Args:
            memory: Memory of the same class.
        """
        self.restore(memory.snapshot())

    def save(self, path: str | os.PathLike) -> None:
        """Writes the content to one `.npz` file, without pickle."""
        exemplar_files.write(path, self._content)

    def _check_filled(self):
        if not len(self):
            raise ValueError(
                "The memory is empty. Received: "
                f"budget={self.budget}. Fill it first."
            )

    def _check_like(self, x, dtype):
        held = self._content
        if not len(held):
            return
        if records.describe(x) != records.describe(held.x):
            raise ValueError(
                "All exemplars must have one shape. Received: samples of "
                f"{records.describe(x)}; the memory holds "
                f"{records.describe(held.x)}. Resize the new ones."
            )
        if (dtype.kind == "U") != (held.dtype.kind == "U"):
            raise TypeError(
                "Strings and numbers cannot share a memory. Received: "
                f"dtype {dtype}; the memory holds {held.dtype}."
            )


def check_snapshot(snapshot: Any, kind: type) -> None:
    """Raises if a memory of this kind did not make a snapshot."""
    if not isinstance(snapshot, kind):
        raise TypeError(
            "`restore` needs what `snapshot` returned. Received: "
            f"{type(snapshot).__name__}."
        )


def checked_ids(ids: Any) -> np.ndarray:
    """Returns identities of exemplars as an array of ints."""
    ids = np.atleast_1d(np.asarray(ids))
    if ids.size and ids.dtype.kind not in "iu":
        raise TypeError(
            "`ids` must be integers, as in `memory.ids`. Received: "
            f"dtype {ids.dtype}."
        )
    return ids
