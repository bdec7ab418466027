"""What each label meant when it was given, and what it may be now."""

import dataclasses
from collections.abc import Sequence
from typing import Self

import numpy as np

from keras_incremental.losses import tables
from keras_incremental.utils.types import Config

NOVEL = -1
# The version of labels that stand for all that a class ever was.
EVER = -1


@dataclasses.dataclass(frozen=True)
class LabelSpace:
    """The classes of a model, and how they were split, merged and removed.

    A picture that was labeled "car" before "police car" was known may show
    either. Each growth makes a new version; labels keep the version at which
    they were given, and `table` says what they may be now.

    Args:
        classes: Tuple of strings, the names of all classes. Names are
            append-only: an index never moves.
        growths: Tuple with one pair for each growth: how many classes there
            were before, and a tuple of pairs of an old class and a new one
            that its labels may show afterwards. Defaults to `()`.
        merged: Tuple of pairs of indices: a class, and the one that it is
            counted as from now on. Defaults to `()`.
        removed: Tuple of indices of classes that are no answer any more.
            Defaults to `()`.

    Example:

    >>> vehicles = LabelSpace(("car", "truck")).grown(["police car"], [0])
    >>> vehicles.version
    1
    >>> vehicles.table(version=0).astype(int).tolist()
    [[1, 0, 1], [0, 1, 0]]
    """

    classes: tuple[str, ...]
    growths: tuple[tuple[int, tuple[tuple[int, int], ...]], ...] = ()
    merged: tuple[tuple[int, int], ...] = ()
    removed: tuple[int, ...] = ()

    @property
    def version(self) -> int:
        """Int. How often classes were added."""
        return len(self.growths)

    @property
    def parents(self) -> tuple[int, ...]:
        """Ints, for each class that out of which it came, or -1."""
        parents = [NOVEL] * len(self.classes)
        for _, splits in self.growths:
            for parent, child in splits:
                parents[child] = parent
        return tuple(parents)

    @property
    def is_plain(self) -> bool:
        """Bool. Whether all classes are and were exactly their outputs."""
        split = any(splits for _, splits in self.growths)
        return not (split or self.merged or self.removed)

    @property
    def merged_into(self) -> np.ndarray:
        """Ints, for each class the one that answers for it, -1 for none."""
        answers = np.arange(len(self.classes))
        for source, target in self.merged:
            answers[answers == source] = target
        answers[np.isin(answers, self.removed)] = -1
        return answers

    @property
    def active(self) -> np.ndarray:
        """Indices of the classes that are still answered for."""
        return np.flatnonzero(self.merged_into != -1)

    def unseen(self, counts: Sequence[int] | np.ndarray) -> np.ndarray:
        """Returns the classes that answer, and that no sample has shown.

        Those that were removed answer no more. A merged class counts as the
        one that it is merged into.

        Args:
            counts: Ints, samples of each class, of as many as are counted.
        """
        answers = self.merged_into
        shown = np.flatnonzero(counts)
        seen = answers[shown[shown < len(answers)]]
        return np.setdiff1d(answers[answers != -1], seen)

    def grown(
        self, names: Sequence[str], parents: Sequence[int] | None = None
    ) -> Self:
        """The label_space with classes appended.

        Args:
            names: List of strings, the new classes.
            parents: For each, the index of the old class that it was part
                of, or -1 if it was never part of any. Defaults to `None`,
                -1 for all.
        """
        old = len(self.classes)
        parents = [NOVEL] * len(names) if parents is None else parents
        splits = tuple(
            (int(parent), child)
            for child, parent in enumerate(parents, start=old)
            if parent != NOVEL
        )
        return dataclasses.replace(
            self,
            classes=(*self.classes, *names),
            growths=(*self.growths, (old, splits)),
        )

    def renewed(
        self, classes: Sequence[str], parents: Sequence[int] | None = None
    ) -> Self:
        """The label_space of these classes: the same, or grown by the last.

        Args:
            classes: Names of all classes.
            parents: See `grown`.
        """
        new = classes[len(self.classes) :]
        return self.grown(new, parents) if new else self

    def table(self, version: int | None = None) -> np.ndarray:
        """Boolean array `(num_labels, num_classes)`: what labels may be now.

        Args:
            version: Int, at which the labels were given. Defaults to `None`,
                the present one.
        """
        version = self.version if version is None else version
        if not 0 <= version <= self.version:
            raise ValueError(
                f"There are versions 0 to {self.version} of the classes. "
                f"Received: version={version}."
            )
        table = tables.identity(self._size(version), len(self.classes))
        for _, splits in self.growths[version:]:
            for parent, child in splits:
                table[:, child] |= table[:, parent]
        return self._as_answered(table)

    def classes_at(self, version: int) -> tuple[str, ...]:
        """Returns the names of the classes that there were at a version.

        Args:
            version: Int, from 0 to the present one.
        """
        return self.classes[: self._size(version)]

    def meaning(self) -> np.ndarray:
        """What a class is in outputs: several, where classes were merged.

        Returns:
            Boolean array `(num_classes, num_classes)`; a row that is all
            `True` for a class that was removed, whose labels say nothing.
        """
        answers = self.merged_into
        table = answers[:, None] == answers
        table[answers == -1] = True
        return table

    def table_since_arrival(self) -> np.ndarray:
        """What labels may be now that were given when their class came.

        Returns:
            Boolean array `(num_classes, num_classes)`.
        """
        table = tables.identity(len(self.classes))
        for size, splits in self.growths:
            for parent, child in splits:
                table[:size, child] |= table[:size, parent]
        return self._as_answered(table)

    def get_config(self) -> Config:
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config: Config) -> Self:
        growths = config.get("growths")
        if growths is None:
            # As files had it that held a set for each class and growth.
            growths = map(_growth_of, config["steps"])
        return cls(
            tuple(config["classes"]),
            tuple((size, tuple(map(tuple, pairs))) for size, pairs in growths),
            tuple(map(tuple, config["merged"])),
            tuple(config["removed"]),
        )

    def _size(self, version):
        """Returns how many classes there were at a version."""
        if version < len(self.growths):
            return self.growths[version][0]
        return len(self.classes)

    def _as_answered(self, table):
        if not (self.merged or self.removed):
            return table
        return tables.compose(table, self.meaning())


def _growth_of(sets):
    """Returns a growth from the classes that each class may be after it."""
    for label, (own, *_) in enumerate(sets):
        if own != label:
            raise ValueError(f"a step of {sets!r:.200}")
    pairs = [
        (k, child) for k, (_, *others) in enumerate(sets) for child in others
    ]
    return len(sets), pairs
