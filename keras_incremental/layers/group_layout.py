"""Sizes of the groups of classes, and of the blocks that hold them.

`sizes` are the classes of each group, `blocks` the groups of each block of
weights, both tuples of ints in order of arrival.
"""

import itertools
from collections.abc import Sequence

import numpy as np


def slices(sizes: tuple[int, ...]) -> tuple[slice, ...]:
    """Returns the slice of the columns of each group."""
    ends = itertools.accumulate(sizes)
    return tuple(
        slice(end - size, end) for size, end in zip(sizes, ends, strict=True)
    )


def block_layout(
    sizes: tuple[int, ...], blocks: tuple[int, ...]
) -> list[tuple[int, int]]:
    """Returns the first group and the number of classes of each block."""
    return [
        (part.start, sum(sizes[part.start : part.stop]))
        for part in slices(blocks)
    ]


def frozen_blocks(blocks: tuple[int, ...], frozen_groups: int) -> list[bool]:
    """Returns, for each block, whether its groups are frozen."""
    ends = itertools.accumulate(blocks)
    return [end <= frozen_groups for end in ends]


def oldest_pair(blocks: tuple[int, ...], frozen_groups: int) -> int:
    """Returns the index of the first of the two blocks to join."""
    # A frozen block and a trainable one cannot become one weight.
    frozen = frozen_blocks(blocks, frozen_groups)
    pairs = itertools.pairwise(frozen)
    return next(i for i, (one, other) in enumerate(pairs) if one == other)


def join(blocks: tuple[int, ...], index: int) -> tuple[int, ...]:
    """Returns the blocks after joining two neighbors."""
    pair = sum(blocks[index : index + 2])
    return (*blocks[:index], pair, *blocks[index + 2 :])


def checked_sizes(units: int | Sequence[int], owner: str) -> tuple[int, ...]:
    """Returns the sizes of the groups, from an int or a list."""
    sizes = tuple(units) if isinstance(units, (list, tuple)) else (units,)
    for size in sizes or (0,):
        check_units(size, owner)
    return tuple(int(size) for size in sizes)


def check_units(units: int, owner: str) -> None:
    if isinstance(units, bool) or not isinstance(units, (int, np.integer)):
        raise TypeError(
            f"`units` of {owner} must be an int. Received: units={units!r}."
        )
    if units < 1:
        raise ValueError(
            f"`units` of {owner} must be 1 or more. Received: units={units}."
        )


def check_max_groups(max_groups: int, owner: str) -> None:
    if not isinstance(max_groups, int) or max_groups < 3:
        raise ValueError(
            f"`max_groups` of {owner} must be an int of 3 or more. Received: "
            f"max_groups={max_groups}."
        )


def checked_blocks(
    blocks: Sequence[int] | None,
    sizes: tuple[int, ...],
    max_groups: int,
    owner: str,
) -> tuple[int, ...]:
    """Returns the given blocks, or as many as `max_groups` allows."""
    count = len(sizes)
    if blocks is None:
        oldest = max(count - max_groups + 1, 1)
        return (oldest,) + (1,) * (count - oldest)
    if sum(blocks) != count or min(blocks) < 1:
        raise ValueError(
            f"`blocks` of {owner} must add up to the number of groups. "
            f"Received: blocks={blocks} for {count} groups."
        )
    return tuple(int(size) for size in blocks)


def checked_frozen(
    frozen_groups: int, blocks: tuple[int, ...], owner: str
) -> int:
    """Returns the number of frozen groups, if it ends with a block."""
    ends = [0, *itertools.accumulate(blocks)]
    if isinstance(frozen_groups, bool) or not (
        isinstance(frozen_groups, (int, np.integer))
        and 0 <= frozen_groups <= ends[-1]
    ):
        raise ValueError(
            f"`frozen_groups` of {owner} must be an int from 0 to {ends[-1]}, "
            f"the number of groups. Received: frozen_groups={frozen_groups}."
        )
    if frozen_groups not in ends:
        raise ValueError(
            f"Group {frozen_groups - 1} of {owner} was joined with its "
            f"neighbors. Received: frozen_groups={frozen_groups}. Freeze one "
            f"of {ends} groups, or build the head with a larger `max_groups`."
        )
    return int(frozen_groups)
