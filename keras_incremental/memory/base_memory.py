import dataclasses
import os
import time
from collections.abc import Sequence
from typing import Any
from typing import Self

import numpy as np

from keras_incremental.data import arrays
from keras_incremental.memory import exemplar_export
from keras_incremental.memory import exemplar_files
from keras_incremental.memory import stored_samples
from keras_incremental.memory.exemplars import Exemplars
from keras_incremental.memory.exemplars import widened_logits
from keras_incremental.memory.policies import MixingPolicy
from keras_incremental.memory.sample_store import SampleStore
from keras_incremental.memory.stored_samples import StoredSamples
from keras_incremental.utils import records
from keras_incremental.utils import varying
from keras_incremental.utils.types import Function
from keras_incremental.utils.types import Shape


class BaseMemory:
    """Base of memories, with access to their content.

    The content is replaced as a whole, so that a snapshot costs nothing and
    a change that fails changes nothing. A subclass has a `budget`.

    Args:
        path: String or path of the file where the samples lie, or `None` for
            memory. Defaults to `None`.

    Attributes:
        path: String or `None`, as it was given.
        augmentation: Layer or function on batches of exemplars, or `None`.
        features: Function of samples, returns what selections compare, or
            `None`.
        forgotten: Frozenset of ints, identities that `forget` has removed.
    """

    augmentation: Function | None = None
    features: Function | None = None
    budget: int

    def __init__(self, path: str | os.PathLike | None = None):
        self._content = Exemplars()
        self._store = None if path is None else SampleStore(path)
        # Rows that `drop` has left in the file.
        self._dropped: list[int] = []
        self.forgotten: frozenset[int] = frozenset()

    def __len__(self):
        return len(self._content)

    @property
    def path(self) -> str | None:
        """String, the file where the samples lie, or `None`."""
        return None if self._store is None else self._store.path

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
        """Shape of one sample, or `None` while there are none.

        Axes along which exemplars may differ are `None`.
        """
        return self._content.x.shape[1:] if len(self) else None

    @property
    def nbytes(self) -> int:
        """Bytes that the exemplars occupy, when those of a file are read."""
        return self._content.nbytes

    @property
    def ids(self) -> np.ndarray:
        """Identity of each exemplar, in the order of `arrays`."""
        return self._content.ids.copy()

    @property
    def labels(self) -> np.ndarray:
        """Class of each exemplar, in the order of `arrays`."""
        return self._content.y.copy()

    @property
    def phases(self) -> np.ndarray:
        """Number of the insertion that brought each exemplar."""
        return self._content.phases.copy()

    @property
    def label_versions(self) -> np.ndarray:
        """Version of the meaning of the labels, for each exemplar."""
        return self._content.label_versions.copy()

    def arrays(
        self, rows: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """All exemplars; class by class, best first, if they were selected.

        Where they lie in a file and are large, so does what is returned, in a
        temporary one.

        Args:
            rows: Ints, the positions of some of them, or `None` for all.
                Defaults to `None`.

        Returns:
            Arrays `(x, y)`: x in the dtype that the model saw, y of int64.
            Where exemplars differ in shape, x has each of them as an array,
            by its index or in a loop.

        Raises:
            ValueError: if there are none.
        """
        self._check_filled()
        held: Any = self._content
        held = held if rows is None else held.take(rows)
        return stored_samples.as_array(held.x, held.dtype), held.y.copy()

    def readable(self) -> tuple[np.ndarray | StoredSamples, np.ndarray]:
        """Same as `arrays`, but samples of a file are read when indexed."""
        held = self._content
        if not stored_samples.is_stored(held.x):
            return self.arrays()
        return held.x.as_type(held.dtype), held.y.copy()

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
        self._content, self._dropped = snapshot, []

    def forget(self, ids: Sequence[int] | np.ndarray) -> int:
        """Removes exemplars by identity.

        Statistics and weights of a classifier know no less for it: call its
        own `forget`, which takes samples out of these too.

        Args:
            ids: Array or list of ints. Those not stored are passed over.

        Returns:
            The number removed.
        """
        removed = self.drop(ids)
        self.erase()
        return removed

    def forget_classes(self, classes: Sequence[int]) -> int:
        """Removes all exemplars of some classes, and what is known of these.

        Args:
            classes: List of ints.

        Returns:
            The number removed.
        """
        removed = self.drop_classes(classes)
        self.erase()
        return removed

    def drop(self, ids: Sequence[int] | np.ndarray) -> int:
        """Same as `forget`, but a file has the samples until `erase`."""
        held = self._content
        gone = np.isin(held.ids, checked_ids(ids))
        if gone.any():
            self.forgotten |= set(held.ids[gone].tolist())
            if stored_samples.is_stored(held.x):
                self._dropped += held.x.rows[gone].tolist()
            self._content = held.take(np.flatnonzero(~gone))
        return int(gone.sum())

    def drop_classes(self, classes: Sequence[int]) -> int:
        """Same as `forget_classes`, but a file has them until `erase`."""
        held = self._content
        return self.drop(held.ids[np.isin(held.y, classes)])

    def erase(self) -> None:
        """Deletes from the file what was dropped, for all that share it."""
        dropped, self._dropped = self._dropped, []
        if dropped and self._store is not None:
            self._store.delete(dropped, forgotten=True)

    def expired(
        self, max_phases: int | None = None, max_days: float | None = None
    ) -> np.ndarray:
        """Identities of exemplars that are older than they may be.

        Give them to `forget`, of the classifier where there is one.

        Args:
            max_phases: Int, 0 or more: how many insertions may have come
                after that of an exemplar. Defaults to `None`, any number.
            max_days: Float, 0 or more: how long ago it may have been stored,
                which a memory with a `path` knows. Defaults to `None`, any
                time.

        Returns:
            Array of ints.

        Raises:
            ValueError: if days are given, and the samples lie in no file.
        """
        held = self._content
        old = np.zeros(len(held), bool)
        if max_phases is not None:
            old |= held.next_phase - 1 - held.phases > max_phases
        if max_days is not None and len(held):
            if not stored_samples.is_stored(held.x):
                raise ValueError(
                    "Only a memory in a file knows when a sample came. "
                    f"Received: max_days={max_days}, path=None. Pass "
                    "`max_phases`, or make the memory with a `path`."
                )
            seconds = held.x.store.seconds(held.x.rows)
            old |= seconds < time.time() - 86400 * max_days
        return held.ids[old]

    def prune(self) -> int:
        """Deletes samples that were displaced from the file of the memory.

        They are kept until then, because files of classifiers that were saved
        before have them. Those files cannot be loaded after it. What a
        memory or a state to roll back to has in this process stays; no other
        process may use the file.

        Returns:
            The number deleted; 0 of a memory without a file.
        """
        if self._store is None:
            return 0
        gone = self._store.others(stored_samples.rows_in_use(self._store))
        self._store.delete(gone, forgotten=False)
        return len(gone)

    def take_over(self, memory: Self) -> None:
        """Copies the content of another memory.

        Args:
            memory: Memory of the same class.
        """
        self.restore(memory.snapshot())
        self._content = self._kept(self._content)

    def save(self, path: str | os.PathLike) -> None:
        """Writes the content to one `.npz` file, without pickle.

        It has no copy of samples that lie in a file, but refers to it.
        """
        exemplar_files.write(path, self._content)

    def export(
        self, folder: str | os.PathLike, names: Sequence[str] | None = None
    ) -> int:
        """Writes all exemplars to a new folder, where a person can see them.

        A picture becomes a `.png` file, for which Pillow is needed, another
        sample a `.npy` or `.npz` file. `exemplars.csv` has the identity of
        each, its class, phase and file.

        Args:
            folder: String or path, which does not exist yet.
            names: Names of the classes, as `clf.classes`. Defaults to
                `None`: classes are numbers.

        Returns:
            The number of exemplars.

        Raises:
            FileExistsError: if there is such a folder.
        """
        return exemplar_export.export(self, folder, names)

    def _hold(self, x):
        """Returns an array of samples where this memory keeps them."""
        if self._store is not None:
            return StoredSamples.of(self._store, arrays.compact(x))
        # Each is a part of what the user has.
        return x.astype(x.dtype) if varying.is_varying(x) else x

    def _kept(self, content):
        """Returns a content of any memory, with its samples in this one."""
        x = content.x
        if isinstance(x, stored_samples.Reference):
            x = x.found(self._store)
            content = stored_samples.without_forgotten(content, x)
            x = content.x
        if x is None or stored_samples.lies_in(x, self._store):
            return content
        x = x.array() if stored_samples.is_stored(x) else x
        return dataclasses.replace(content, x=self._hold(x))

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
        known = records.describe(held.x[:0])
        differ = records.describe(x) != known
        if differ and not varying.may_join(held.x, x):
            raise ValueError(
                "All exemplars must have the same axes, and numbers in them "
                "where their shapes differ. Received: samples of "
                f"{records.describe(x)}; the memory holds "
                f"{known}. Prepare the new ones like these."
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
