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
    """The classes of a model, and how they came out of one another.

    A picture that was labeled "car" before "police car" was known may show
    either. Each growth makes a new version; labels keep the version at which
    they were given, and `table` says what they may be now.

    Args:
        classes: Tuple of strings, the names of all classes. Names are
            append-only: an index never moves.
        steps: Tuple with one entry for each growth: for each class before
            it, the tuple of the classes that it may be afterwards. Defaults
            to `()`.
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
    steps: tuple[tuple[tuple[int, ...], ...], ...] = ()
    merged: tuple[tuple[int, int], ...] = ()
    removed: tuple[int, ...] = ()

    @property
    def version(self) -> int:
        """Int. How often classes were added."""
        return len(self.steps)

    @property
    def parents(self) -> tuple[int, ...]:
        """Ints, for each class that out of which it came, or -1."""
        parents = np.full(len(self.classes), NOVEL)
        for sets in self.steps:
            for parent, members in enumerate(sets):
                parents[list(members[1:])] = parent
        return tuple(parents.tolist())

    @property
    def is_plain(self) -> bool:
        """Bool. Whether all classes are and were exactly their outputs."""
        split = any(parent != NOVEL for parent in self.parents)
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
        sets: list[tuple[int, ...]] = [(k,) for k in range(old)]
        for index, parent in enumerate(parents, start=old):
            if parent != NOVEL:
                sets[parent] += (index,)
        return dataclasses.replace(
            self,
            classes=(*self.classes, *names),
            steps=(*self.steps, tuple(sets)),
        )

    def renewed(
        self, classes: Sequence[str], parents: Sequence[int] | None = None
    ) -> Self:
        """The label_space of these classes: the same, or grown by the last.

        Args:
            classes: Names of all classes.
            parents: As of `grown`.
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
        sizes = [*map(len, self.steps), len(self.classes)]
        table = tables.identity(sizes[version])
        for sets, size in zip(
            self.steps[version:], sizes[version + 1 :], strict=True
        ):
            table = tables.compose(table, tables.candidates(sets, size))
        return tables.compose(table, self.meaning())

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
        rows: list[np.ndarray] = []
        for version in range(self.version + 1):
            rows.extend(self.table(version)[len(rows) :])
        return np.array(rows)

    def get_config(self) -> Config:
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config: Config) -> Self:
        steps = (tuple(map(tuple, sets)) for sets in config["steps"])
        return cls(
            tuple(config["classes"]),
            tuple(steps),
            tuple(map(tuple, config["merged"])),
            tuple(config["removed"]),
        )
