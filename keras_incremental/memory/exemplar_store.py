import dataclasses
import numbers
import os
from collections.abc import Callable
from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from keras_incremental.data import arrays
from keras_incremental.memory import exemplar_files
from keras_incremental.memory import stored_samples
from keras_incremental.memory.base_memory import BaseMemory
from keras_incremental.memory.exemplars import checked_logits
from keras_incremental.memory.exemplars import in_one_form
from keras_incremental.memory.exemplars import join
from keras_incremental.memory.stored_samples import is_repeated
from keras_incremental.memory.stored_samples import keys_of
from keras_incremental.utils import large_arrays
from keras_incremental.utils import records
from keras_incremental.utils.long_progress import LongProgress


class ExemplarStore(BaseMemory):
    """Samples of each class, never more than the budget.

    Every class is an ordered list; when a new class needs room, the others
    keep their first samples.

    Reference:
    - [Rebuffi et al., 2017](https://arxiv.org/abs/1611.07725)

    Args:
        budget: Int, 1 or more: samples in all. The quota of a class is
            `budget // classes`, and one more for the first
            `budget % classes` of them. A class with fewer samples leaves its
            room empty. Defaults to `2000`.
        per_class: Bool. If `True`, `budget` is the quota of each class, and
            the memory grows with the classes. Defaults to `False`.
        path: String or path of the file where the samples lie, or `None` for
            memory. Defaults to `None`.
    """

    def __init__(
        self,
        budget: int = 2000,
        per_class: bool = False,
        path: str | os.PathLike | None = None,
    ):
        if not isinstance(budget, numbers.Integral) or budget < 1:
            raise ValueError(
                "`budget` must be an integer of 1 or more. Received: "
                f"budget={budget!r}."
            )
        if not isinstance(per_class, bool):
            raise TypeError(
                "`per_class` must be True or False. Received: "
                f"per_class={per_class!r}. Pass budget={per_class!r}, "
                "per_class=True."
            )
        super().__init__(path)
        self.budget = int(budget)
        self.per_class: bool = per_class

    def quotas(self, classes: Sequence[int]) -> dict[int, int]:
        """Dict of class to the most exemplars it may have.

        Raises:
            ValueError: if there are more classes than the budget.
        """
        classes = list(classes)
        if self.per_class or not classes:
            return dict.fromkeys(classes, self.budget)
        share, rest = divmod(self.budget, len(classes))
        if share == 0:
            raise ValueError(
                f"A budget of {self.budget} exemplars is too small for "
                f"{len(classes)} classes. Received: budget={self.budget}. "
                "Give the memory a larger budget, at least one for each "
                "class."
            )
        return {c: share + (i < rest) for i, c in enumerate(classes)}

    def insert(
        self,
        x: np.ndarray,
        y: np.ndarray,
        select: Callable,
        dtype: DTypeLike | None = None,
        label_version: int = 0,
        logits: np.ndarray | None = None,
        verbose: int = 0,
    ) -> None:
        """Stores a choice of new samples, and makes room for it.

        A sample that its class has already is passed over.

        Args:
            x: Array of shape `(n, ...)`, or `VaryingSamples`.
            y: Array of int64 of shape `(n,)`, the classes.
            select: Called with `(label, stored, rows, count)`, where
                `stored` are the samples of the class that the memory has, an
                array or `StoredSamples`, and `rows` the positions in `x` of
                the new ones. Returns indices into the union, stored ones
                first.
            dtype: dtype of `x` as the model saw it. Defaults to `x.dtype`.
            label_version: Int, version of the label space. Defaults to
                `0`.
            logits: Array of shape `(n, num_classes)`, kept with the samples.
                Defaults to `None`.
            verbose: Same as for `fit`; progress is shown where it takes long.
                Defaults to `0`.
        """
        logits = checked_logits(logits, len(x))
        dtype = np.dtype(dtype or x.dtype)
        self._check_like(x, dtype)
        held, x = in_one_form(self._content, x)
        keys = keys_of(x)
        arriving = np.unique(y).tolist()
        quotas = self.quotas([*dict.fromkeys([*self.counts, *arriving])])
        # Places stand for samples until it is decided which are kept.
        content = dataclasses.replace(held, x=_places_of(held))
        name, parts = "selecting exemplars", []
        progress = LongProgress(name, len(quotas), verbose, "class")
        for label, quota in quotas.items():
            progress.add()
            part = content.of_class(label)
            rows = np.flatnonzero(y == label)
            if len(rows):
                rows = rows[~is_repeated(part.keys, keys[rows])]
            picks = slice(quota)
            if len(rows):
                own = None if logits is None else logits[rows]
                # Those of new samples are -1, -2, and so on.
                new = content.new(
                    ~rows,
                    label,
                    label_version,
                    dtype,
                    own,
                    keys[rows],
                )
                content = dataclasses.replace(content, next_id=new.next_id)
                stored = _read(held, part) if len(part) else x[:0]
                picks = select(label, stored, rows, quota)
                part = join([part, new]) if len(part) else new
                picks = _checked_picks(picks, len(part), quota)
            parts.append(part.take(picks))
        content = dataclasses.replace(join(parts), next_id=content.next_id)
        self._content = dataclasses.replace(
            content,
            x=self._gathered(held.x, x, content.x, content.dtype),
            next_phase=held.next_phase + 1,
        )

    def load(self, path: str | os.PathLike) -> None:
        """Reads a content, shortened to the budget of this memory.

        Raises:
            ValueError: if the file is damaged. The memory stays as it was.
        """
        self._content = self._shortened(self._kept(exemplar_files.read(path)))
        self.forgotten = frozenset()

    def take_over(self, memory: BaseMemory) -> None:
        """Copies the content of another memory, shortened to this budget.

        Args:
            memory: Memory of exemplars.
        """
        self._content = self._kept(self._shortened(memory.snapshot()))
        self.forgotten = frozenset()

    def _shortened(self, content):
        quotas = self.quotas(content.counts)
        rows = [_distinct(content, c)[:n] for c, n in quotas.items()]
        return content.take(np.concatenate(rows)) if rows else content

    def _gathered(self, stored, x, places, dtype):
        """Returns samples at places, of stored ones and new ones."""
        is_new, parts = places < 0, []
        if not is_new.all():
            parts.append(stored)
        if is_new.any():
            parts.append(self._hold(_taken(x, ~places[is_new])))
        if self._store is not None:
            # The places are rows of the file, and no copy of these is made.
            if is_new.any():
                places[is_new] = parts[-1].rows
            return stored_samples.joined(parts, dtype, places)
        if not is_new.all():
            parts[0] = parts[0].take(places[~is_new], axis=0)
        both = stored_samples.joined(parts, dtype)
        if np.any(is_new[:-1] & ~is_new[1:]):
            order = np.argsort(np.argsort(is_new, kind="stable"))
            both = both.take(order, axis=0)
        return arrays.compact(both)


def _places_of(held):
    """Returns where stored samples lie: rows in a file, or in an array."""
    stored = stored_samples.is_stored(held.x)
    return held.x.rows if stored else np.arange(len(held))


def _read(held, part):
    """Returns stored samples as the model saw them, where they are read."""
    if stored_samples.is_stored(held.x):
        return held.x.at(part.x).as_type(part.dtype)
    return records.cast(held.x.take(part.x, axis=0), part.dtype)


def _taken(x, rows):
    is_all = np.array_equal(rows, np.arange(len(x)))
    return x if is_all else large_arrays.take(x, rows)


def _distinct(content, label):
    rows = content.rows_of(label)
    return rows[~is_repeated(content.keys[:0], content.keys[rows])]


def _checked_picks(picks, size, quota):
    picks = np.asarray(picks)
    wrong = (
        picks.ndim != 1
        or picks.dtype.kind not in "iu"
        or len(np.unique(picks)) != len(picks)
        or not 0 < len(picks) <= quota
        or picks.min() < 0
        or picks.max() >= size
    )
    if wrong:
        raise ValueError(
            f"`selection` must return 1 to {min(size, quota)} different "
            f"indices in [0, {size}). Received: {picks!r}."
        )
    return picks
