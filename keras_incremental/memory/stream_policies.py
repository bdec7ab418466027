"""Which slot of a full memory the next sample of a stream takes.

A policy is a function `(slots, label) -> slot or None`: the number of the
slot that the sample takes, `len(slots)` for a free one, `None` to pass it
over. It decides for one sample at a time, and takes random numbers from
`slots.generator`, so that a memory that is loaded decides as one that was
not stopped.
"""

import collections
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

LEAST_ROOM = 64


class Slots:
    """The slots of a memory of a stream, as a policy sees them.

    Args:
        budget: Int, the number of slots.
        labels: Ints, the classes of the samples that are held.
        seen: Dict of class to the number of samples in the stream so far; a
            policy finds the next sample counted.
        full: Set of classes that have been the largest in a full memory.
        generator: `numpy.random.Generator`.

    Attributes:
        counts: `Counter` of the samples of each class that are held.
    """

    def __init__(
        self,
        budget: int,
        labels: np.ndarray,
        seen: Mapping[int, int],
        full: Collection[int],
        generator: np.random.Generator,
    ):
        self.budget = budget
        self.seen = collections.Counter(seen)
        self.full = set(full)
        self.generator = generator
        self.counts = collections.Counter(np.asarray(labels).tolist())
        # It grows with what arrives: a budget may be larger than any memory.
        self._labels = np.array(labels, "int64")
        self._size = len(labels)

    def __len__(self):
        return self._size

    @property
    def has_room(self) -> bool:
        return self._size < self.budget

    def see(self, label: int, policy: Callable) -> int | None:
        """The slot that the next sample takes, or `None`."""
        self.seen[label] += 1
        slot = policy(self, label)
        if slot is not None:
            self._check(slot)
            self._put(slot, label)
        return slot

    def largest(self) -> list[int]:
        """Classes with the most samples."""
        most = max(self.counts.values())
        return [label for label, n in self.counts.items() if n == most]

    def any_of(self, classes: Sequence[int]) -> int:
        """A slot with a sample of these classes, with equal chances."""
        slots = np.flatnonzero(np.isin(self._labels[: self._size], classes))
        return int(self.generator.choice(slots))

    def _check(self, slot):
        if not 0 <= slot < min(self._size + 1, self.budget):
            raise ValueError(
                "A policy must return the number of a slot, `len(slots)` for "
                f"the next free one, or None. Received: {slot!r} of "
                f"{self._size} slots in use and {self.budget} in all."
            )

    def _put(self, slot, label):
        if slot == self._size:
            self._make_room()
            self._size += 1
        else:
            self.counts[int(self._labels[slot])] -= 1
        self._labels[slot] = label
        self.counts[label] += 1

    def _make_room(self):
        if self._size == len(self._labels):
            more = np.zeros(max(self._size, LEAST_ROOM), "int64")
            self._labels = np.concatenate([self._labels, more])


def uniform(slots: Slots, label: int) -> int | None:
    """Every sample of the stream is kept with the same chance."""
    if slots.has_room:
        return len(slots)
    # The range includes this sample: the last of s stays with budget / s.
    slot = int(slots.generator.integers(slots.seen.total()))
    return slot if slot < slots.budget else None


def balanced(slots: Slots, label: int) -> int | None:
    """As many of each class; within a class with the same chance."""
    if slots.has_room:
        return len(slots)
    largest = slots.largest()
    slots.full.update(largest)
    if label not in slots.full:
        return slots.any_of(largest)
    chance = slots.counts[label] / slots.seen[label]
    if slots.generator.random() < chance:
        return slots.any_of([label])
    return None


def greedy(slots: Slots, label: int) -> int | None:
    """The first of each class, at the cost of the largest class."""
    quota = max(1, slots.budget // len(slots.seen))
    if slots.counts[label] >= quota:
        return None
    if slots.has_room:
        return len(slots)
    return slots.any_of(slots.largest())


POLICIES = {"uniform": uniform, "balanced": balanced, "greedy": greedy}


def get(identifier: str | Callable) -> Callable:
    """Returns the policy of a name, or the function itself.

    Args:
        identifier: `"uniform"`, `"balanced"`, `"greedy"`, or a function
            `(slots, label) -> slot or None`.

    Raises:
        ValueError: if the name is not known.
    """
    if callable(identifier):
        return identifier
    if not isinstance(identifier, str) or identifier not in POLICIES:
        raise ValueError(
            f"`policy` of Reservoir must be one of {list(POLICIES)} or a "
            "function `(slots, label) -> slot or None`. Received: "
            f"policy={identifier!r}."
        )
    return POLICIES[identifier]
