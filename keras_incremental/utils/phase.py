"""What the parts of a method may know of a phase before it trains."""

import dataclasses
import itertools


@dataclasses.dataclass(frozen=True)
class Phase:
    """One phase, as its parts see it.

    Attributes:
        group_sizes: Ints, how many classes arrived together, in order of
            arrival; those of this phase last.
        num_old: Int. How many classes were known before the phase.
        counts: Ints, one for each class: how many samples of it an epoch
            shows.
        index: Int. How many phases there were before.
    """

    group_sizes: tuple[int, ...]
    num_old: int
    counts: tuple[int, ...]
    index: int = 0

    @property
    def num_classes(self):
        """Int. How many classes there are now."""
        return sum(self.group_sizes)

    @property
    def num_new(self):
        """Int. How many classes arrive, 0 if known ones are taught again."""
        return self.num_classes - self.num_old

    @property
    def old_groups(self):
        """Slices of the columns of the groups known before."""
        edges = list(itertools.accumulate(self.group_sizes, initial=0))
        return tuple(
            slice(start, stop)
            for start, stop in itertools.pairwise(edges)
            if stop <= self.num_old
        )


def for_phase(part, phase):
    """A part as it is in a phase.

    A part that depends on the number of classes, or on how many samples
    there are of each, has a method `for_phase(phase)` that returns a copy
    which knows them. Any other part is returned as it is.
    """
    begin = getattr(part, "for_phase", None)
    return part if begin is None else begin(phase)
