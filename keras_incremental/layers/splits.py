"""Subclasses of older classes, and their logits.

`parents` is a tuple of ints, one for each class in order of arrival: the
index of its parent class, or -1. The column of a subclass does not compute a
logit but the logit `s` of a share. The subclass takes `sigmoid(s)` of the
probability of its parent, and the parent keeps `sigmoid(-s)`.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_incremental.utils.types import Tensor

ORDINARY = -1


@dataclasses.dataclass(frozen=True)
class Layout:
    """The parts of the logit of each class.

    Attributes:
        roots: Ints `(num_classes,)`, the ordinary class above each.
        splits: Ints `(num_splits,)`, the classes that have a parent.
        paths: Ints `(num_classes, depth)`, the shares on the way down: `i`
            for what goes to split `i`, `num_splits + i` for what stays, and
            `2 * num_splits` for nothing.
    """

    roots: np.ndarray
    splits: np.ndarray
    paths: np.ndarray

    @property
    def matrix(self) -> np.ndarray:
        """Array `(2 * num_splits, num_classes)`, 1 for a share on a path."""
        rows = np.arange(2 * len(self.splits))[:, None, None]
        return (self.paths == rows).any(-1).astype("float32")


@functools.lru_cache(maxsize=128)
def layout_of(parents: tuple[int, ...]) -> Layout:
    """Returns the `Layout` of classes with these parents."""
    splits = [k for k, parent in enumerate(parents) if parent != ORDINARY]
    roots: list[int] = []
    ways: list[list[int]] = []
    for index, parent in enumerate(parents):
        if parent == ORDINARY:
            roots.append(index)
            ways.append([])
            continue
        goes = splits.index(index)
        roots.append(roots[parent])
        ways.append([*ways[parent], goes])
        ways[parent] = [*ways[parent], len(splits) + goes]
    depth = max((len(way) for way in ways), default=0)
    paths = np.full((len(parents), depth), 2 * len(splits))
    for row, way in zip(paths, ways, strict=True):
        row[: len(way)] = way
    return Layout(np.array(roots), np.array(splits), paths)


def has_splits(parents: tuple[int, ...]) -> bool:
    """Returns whether any class is a subclass."""
    return any(parent != ORDINARY for parent in parents)


def leaf_logits(
    raw: Tensor, parents: tuple[int, ...], widths: Sequence[int]
) -> Tensor:
    """Returns the logits of all classes.

    Args:
        raw: Tensor `(..., num_classes)`, computed by the columns: logits of
            ordinary classes before any split, and logits of shares.
        parents: Tuple of ints, one for each class.
        widths: Ints, how many neighboring classes are computed together.

    Returns:
        Tensor of the same shape. The probability of a class before the split
        is that of the class and its subclasses together.
    """
    layout = layout_of(parents)
    logits = ops.take(raw, layout.roots, axis=-1)
    # The last bit of a logarithm depends on how many are computed together.
    blocks = np.searchsorted(layout.splits, np.cumsum(widths)[:-1])
    split = [
        ops.take(raw, part, axis=-1)
        for part in np.split(layout.splits, blocks)
        if len(part)
    ]
    goes = [ops.log_sigmoid(s) for s in split]
    stays = [ops.log_sigmoid(-s) for s in split]
    nothing = ops.zeros_like(split[0][..., :1])
    # Gathered, not multiplied by a matrix: an accelerator would round.
    shares = ops.concatenate([*goes, *stays, nothing], axis=-1)
    for step in layout.paths.T:
        logits = logits + ops.take(shares, step, axis=-1)
    return logits


def implied_logits(raw: Tensor, parents: tuple[int, ...]) -> Tensor:
    """Returns the logits of classes that do not exclude each other.

    Args:
        raw: Tensor `(..., num_classes)`: logits of ordinary classes, and of
            shares.
        parents: Tuple of ints, one for each class.

    Returns:
        Tensor of the same shape. Ordinary classes keep their logits. The
        probability of a subclass is that of its parent times its share.
    """
    logits = [raw[..., k] for k in range(len(parents))]
    for child, parent in enumerate(parents):
        if parent != ORDINARY:
            logits[child] = _both(logits[parent], logits[child])
    return ops.stack(logits, axis=-1)


def _both(first, second):
    """Returns the logit of the product of two probabilities."""
    odds = ops.stack([-first, -second, -first - second], axis=-1)
    return -ops.logsumexp(odds, axis=-1)


def checked_parents(
    parents: Sequence[int | None] | None,
    num_classes: int,
    start: int,
    owner: str,
) -> tuple[int, ...]:
    """Returns the parents of the classes from `start` on, as a tuple.

    Raises:
        ValueError: if they are not one for each class, each an older class.
    """
    if parents is None:
        return (ORDINARY,) * (num_classes - start)
    given = list(parents) if np.iterable(parents) else [parents]
    found = [ORDINARY if parent is None else parent for parent in given]
    if len(found) != num_classes - start or not all(
        _is_older(parent, start + index, start)
        for index, parent in enumerate(found)
    ):
        raise ValueError(
            f"`parents` of {owner} must name an older class, or `None`, for "
            f"each of {num_classes - start} classes. Received: "
            f"parents={parents!r}. Classes count from 0, and a parent comes "
            "before its children."
        )
    return tuple(int(parent) for parent in found)


def ordinary_classes(head: Any) -> np.ndarray:
    """Returns the indices of the classes that are no subclasses."""
    parents = getattr(head, "parents", (ORDINARY,) * head.units)
    return np.flatnonzero(np.equal(parents, ORDINARY))


def refuse_new_splits(head: Any, owner: str) -> None:
    """Raises if the newest group has subclasses of old classes."""
    newest = getattr(head, "parents", ())[head.group_slices[-1]]
    if has_splits(newest):
        raise ValueError(
            f"{owner} corrects the logits of new classes, but those of "
            f"'{head.name}' are subclasses of old ones. Received: "
            f"parents={list(newest)}. Leave {owner} out: it is for classes "
            "that are no subclasses."
        )


def _is_older(parent, index, start):
    if isinstance(parent, bool) or not isinstance(parent, (int, np.integer)):
        return False
    # The parents of a whole head may lie anywhere before the child.
    return ORDINARY <= parent < (start or index)
