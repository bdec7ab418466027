"""The arithmetic of groups of classes and of the blocks that hold them.

`sizes` are the classes of each group, `blocks` the groups of each block of
weights, both tuples of ints in order of arrival.
"""

import itertools

import numpy as np


def slices(sizes):
    """One slice of the columns for each group."""
    ends = itertools.accumulate(sizes)
    return tuple(
        slice(end - size, end) for size, end in zip(sizes, ends, strict=True)
    )


def block_layout(sizes, blocks):
    """First group and number of classes of each block."""
    return [
        (part.start, sum(sizes[part.start : part.stop]))
        for part in slices(blocks)
    ]


def frozen_blocks(blocks, frozen_groups):
    """Whether each block belongs to the oldest, frozen groups."""
    ends = itertools.accumulate(blocks)
    return [end <= frozen_groups for end in ends]


def oldest_pair(blocks, frozen_groups):
    """Index of the first of the two blocks to be joined."""
    # A frozen block and a trainable one cannot become one weight.
    frozen = frozen_blocks(blocks, frozen_groups)
    pairs = itertools.pairwise(frozen)
    return next(i for i, (one, other) in enumerate(pairs) if one == other)


def join(blocks, index):
    """The blocks after two neighbors became one."""
    pair = sum(blocks[index : index + 2])
    return (*blocks[:index], pair, *blocks[index + 2 :])


def checked_sizes(units, owner):
    """Sizes of the groups, from an int or a list of ints."""
    sizes = tuple(units) if isinstance(units, (list, tuple)) else (units,)
    for size in sizes or (0,):
        check_units(size, owner)
    return tuple(int(size) for size in sizes)


def check_units(units, owner):
    if isinstance(units, bool) or not isinstance(units, (int, np.integer)):
        raise TypeError(
            f"`units` of {owner} must be an int. Received: units={units!r}."
        )
    if units < 1:
        raise ValueError(
            f"`units` of {owner} must be 1 or more. Received: units={units}."
        )


def check_max_groups(max_groups, owner):
    if not isinstance(max_groups, int) or max_groups < 3:
        raise ValueError(
            f"`max_groups` of {owner} must be an int of 3 or more. Received: "
            f"max_groups={max_groups}."
        )


def checked_blocks(blocks, sizes, max_groups, owner):
    """The given blocks, or one each, the oldest joined beyond `max_groups`."""
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


def checked_frozen(frozen_groups, blocks, owner):
    """The number of frozen groups, if it ends where a block ends."""
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
