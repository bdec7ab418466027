import dataclasses
import numbers

import numpy as np

from keras_incremental.data import arrays
from keras_incremental.memory import exemplar_files
from keras_incremental.memory.exemplars import Exemplars
from keras_incremental.memory.exemplars import join


class ExemplarStore:
    """Samples of each class, never more than the budget.

    Every class is an ordered list; when a new class needs room, the others
    keep their first samples. The content is replaced as a whole, so that a
    snapshot costs nothing and an update that fails changes nothing.

    Reference:
    - [Rebuffi et al., 2017](https://arxiv.org/abs/1611.07725)

    Args:
        budget: Int, 1 or more: samples in all. The quota of a class is
            `budget // classes`, and one more for the first
            `budget % classes` of them. A class with fewer samples leaves its
            room empty. Defaults to `2000`.
        per_class: Bool. If `True`, `budget` is the quota of each class, and
            the memory grows with the classes. Defaults to `False`.
    """

    def __init__(self, budget=2000, per_class=False):
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
        self.budget = int(budget)
        self.per_class = per_class
        self._content = Exemplars()

    def __len__(self):
        return len(self._content)

    @property
    def classes(self):
        """Classes, in order of arrival."""
        return list(self.counts)

    @property
    def counts(self):
        """Dict of class to number of exemplars, in order of arrival."""
        return self._content.counts

    @property
    def nbytes(self):
        """Bytes that the exemplars occupy."""
        return self._content.nbytes

    @property
    def ids(self):
        """Identity of each exemplar, in the order of `arrays`."""
        return self._content.ids.copy()

    @property
    def phases(self):
        """Number of the insertion that brought each exemplar."""
        return self._content.phases.copy()

    @property
    def ontologies(self):
        """Version of the meaning of the labels, for each exemplar."""
        return self._content.ontologies.copy()

    def arrays(self):
        """All exemplars, class by class, best first.

        Returns:
            Arrays `(x, y)`: x in the dtype that the model saw, y of int64.

        Raises:
            ValueError: if there are none.
        """
        held = self._content
        if not len(held):
            raise ValueError(
                "The memory is empty. Received: "
                f"budget={self.budget}. Fill it first."
            )
        return held.x.astype(held.dtype), held.y.copy()

    def quotas(self, classes):
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

    def insert(self, x, y, select, dtype=None, ontology=0):
        """Stores a choice of new samples, and makes room for it.

        Args:
            x: Array of shape `(n, ...)`.
            y: Array of int64 of shape `(n,)`, the classes.
            select: Called with `(label, stored, rows, count)`, where
                `stored` are the samples of the class that the memory has and
                `rows` the positions in `x` of the new ones. Returns indices
                into the union, stored ones first.
            dtype: dtype of `x` as the model saw it. Defaults to `x.dtype`.
            ontology: Int, version of the meaning of the labels. Defaults to
                `0`.
        """
        dtype = np.dtype(dtype or x.dtype)
        self._check_like(x, dtype)
        arriving = np.unique(y).tolist()
        quotas = self.quotas([*dict.fromkeys([*self.counts, *arriving])])
        content, parts = self._content, []
        for label, quota in quotas.items():
            part = content.take(self._content.rows_of(label))
            rows = np.flatnonzero(y == label)
            picks = np.arange(quota)[: len(part)]
            if len(rows):
                new = content.new(x[rows], label, ontology, dtype)
                content = dataclasses.replace(content, next_id=new.next_id)
                stored = part.x.astype(part.dtype) if len(part) else x[:0]
                picks = select(label, stored, rows, quota)
                part = join([part, new]) if len(part) else new
                picks = _checked_picks(picks, len(part), quota)
            parts.append(part.take(picks))
        self._content = self._joined(parts, content.next_id)

    def forget(self, ids):
        """Removes exemplars by identity.

        Args:
            ids: Array or list of ints. Those not stored are passed over.

        Returns:
            The number removed.
        """
        ids = np.atleast_1d(np.asarray(ids))
        if ids.size and ids.dtype.kind not in "iu":
            raise TypeError(
                "`ids` must be integers, as in `memory.ids`. Received: "
                f"dtype {ids.dtype}."
            )
        gone = np.isin(self._content.ids, ids)
        if gone.any():
            self._content = self._content.take(np.flatnonzero(~gone))
        return int(gone.sum())

    def snapshot(self):
        """The present content, to give to `restore`."""
        return self._content

    def restore(self, snapshot):
        """Puts an earlier content back, exactly."""
        if not isinstance(snapshot, Exemplars):
            raise TypeError(
                "`restore` needs what `snapshot` returned. Received: "
                f"{type(snapshot).__name__}."
            )
        self._content = snapshot

    def save(self, path):
        """Writes the content to one `.npz` file, without pickle."""
        exemplar_files.write(path, self._content)

    def load(self, path):
        """Reads a content, shortened to the budget of this memory.

        Raises:
            ValueError: if the file is damaged. The memory stays as it was.
        """
        content = exemplar_files.read(path)
        quotas = self.quotas(content.counts)
        rows = [content.rows_of(c)[:n] for c, n in quotas.items()]
        self._content = content.take(np.concatenate(rows)) if rows else content

    def _joined(self, parts, next_id):
        content = join(parts)
        return dataclasses.replace(
            content,
            x=arrays.compact(content.x),
            next_id=next_id,
            next_phase=self._content.next_phase + 1,
        )

    def _check_like(self, x, dtype):
        held = self._content
        if not len(held):
            return
        if x.shape[1:] != held.x.shape[1:]:
            raise ValueError(
                "All exemplars must have one shape. Received: samples of "
                f"{x.shape[1:]}; the memory holds {held.x.shape[1:]}. "
                "Resize the new ones."
            )
        if (dtype.kind == "U") != (held.dtype.kind == "U"):
            raise TypeError(
                "Strings and numbers cannot share a memory. Received: "
                f"dtype {dtype}; the memory holds {held.dtype}."
            )


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
