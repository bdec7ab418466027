"""Class counts of a phase, for losses, terms and callbacks."""

import dataclasses
import itertools
from typing import Any


@dataclasses.dataclass(frozen=True)
class Phase:
    """Numbers of classes and samples of a phase.

    Attributes:
        group_sizes: Ints. Number of classes of each group, in order of
            arrival; the new classes last.
        num_old: Int. Number of classes before the phase.
        counts: Ints, one for each class. Number of samples in an epoch.
        index: Int. Number of earlier phases. Defaults to `0`.
        is_stream: Bool. Whether batches come one by one, so that exemplars
            of new classes are replayed too. Defaults to `False`.
    """

    group_sizes: tuple[int, ...]
    num_old: int
    counts: tuple[int, ...]
    index: int = 0
    is_stream: bool = False

    @property
    def num_classes(self) -> int:
        """Int. Number of all classes."""
        return sum(self.group_sizes)

    @property
    def num_new(self) -> int:
        """Int. Number of new classes; 0 if all classes are known."""
        return self.num_classes - self.num_old

    @property
    def old_groups(self) -> tuple[slice, ...]:
        """Slices of the columns of each old group."""
        edges = list(itertools.accumulate(self.group_sizes, initial=0))
        return tuple(
            slice(start, stop)
            for start, stop in itertools.pairwise(edges)
            if stop <= self.num_old
        )


def for_phase(part: Any, phase: Phase) -> Any:
    """Returns the copy of a loss or term for a phase.

    A loss or term that depends on the numbers of classes or samples has a
    method `for_phase(phase)`, which returns a copy. Any other object is
    returned unchanged.
    """
    begin = getattr(part, "for_phase", None)
    return part if begin is None else begin(phase)
