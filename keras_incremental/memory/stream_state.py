import dataclasses
from collections.abc import Mapping
from typing import Self

import numpy as np

from keras_incremental.utils.archives import check_whole
from keras_incremental.utils.types import Config


@dataclasses.dataclass(frozen=True)
class Stream:
    """What a memory remembers of a stream beside its samples.

    Attributes:
        seen: Dict of class to the number of samples so far.
        full: Classes that have been the largest in a full memory.
        decisions: State of the generator that decides what is kept.
        draws: State of the generator that draws from what is kept.
    """

    seen: dict
    full: frozenset
    decisions: Mapping
    draws: Mapping

    @classmethod
    def begun(cls, seed: int) -> Self:
        states = [
            np.random.default_rng([seed, use]).bit_generator.state
            for use in range(2)
        ]
        return cls({}, frozenset(), *states)

    def to_json(self) -> Config:
        return {
            "seen": list(self.seen.items()),
            "full": sorted(self.full),
            "decisions": self.decisions,
            "draws": self.draws,
        }

    @classmethod
    def from_json(cls, saved: Config) -> Self:
        """Returns the stream that `to_json` wrote.

        Raises:
            ValueError: if numbers are not in their range.
            KeyError: if something is missing.
        """
        seen = {
            check_whole("seen", label): check_whole("seen", count)
            for label, count in saved["seen"]
        }
        full = frozenset(check_whole("full", c) for c in saved["full"])
        states = saved["decisions"], saved["draws"]
        for state in states:
            generator_at(state)
        return cls(seen, full, *states)


def generator_at(state: Config) -> np.random.Generator:
    """A `numpy.random.Generator` that continues from a state."""
    generator = np.random.default_rng(0)
    generator.bit_generator.state = state
    return generator
