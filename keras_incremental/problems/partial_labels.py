"""The meaning of missing labels, and where new classes were before."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from keras_incremental.data.label_space import NOVEL
from keras_incremental.data.labels import normal

UNKNOWN, NOT_NEW, BACKGROUND = "unknown", "not_new", "background"
MEANINGS = (UNKNOWN, NOT_NEW, BACKGROUND)


@dataclasses.dataclass(frozen=True)
class ResolvedLabels:
    """`PartialLabels` of the data of a phase, by indices of classes.

    Attributes:
        meaning: What a sample or pixel without a label may be: `"unknown"`,
            anything; `"not_new"`, anything but a new class, because those
            were all labeled; `"background"`. `None` if none is missing.
        parents: For each new class, the index of the old class that it was
            part of, or -1 if it was part of none.
        shares: For each new class, its share of the samples of that old
            class, from 0 to 1, or `None` where it is not known.
        absent: For each new class, whether it was declared to be in no old
            data.
    """

    meaning: str | None = None
    parents: tuple[int, ...] = ()
    shares: tuple[float | None, ...] = ()
    absent: tuple[bool, ...] = ()

    @property
    def splits(self) -> bool:
        """Whether a new class was part of an old one."""
        return any(parent != NOVEL for parent in self.parents)

    @property
    def is_plain(self) -> bool:
        """Whether all samples are labeled, and no new class was an old one."""
        return self.meaning is None and not self.splits


@dataclasses.dataclass(frozen=True)
class PartialLabels:
    """Meaning of missing labels, and of classes that were part of old ones.

    Labels are partial in two ways. Some samples (or pixels) of the new data
    may have no label. And a new class may have been part of an old one: where
    police cars were labeled as cars, an old label "car" may be either now.

    Args:
        unlabeled: String. What a sample whose label is missing may be:
            `"unknown"`, any class; `"not_new"`, any class but the new ones,
            because all samples of those were labeled; `"background"`, the
            class of that name. In a multi-label classifier it is about new
            classes that are not named: absent for `"not_new"`; old ones are
            unknown. Defaults to `None`: no label is missing.
        parents: Dict of names of new classes: the old class that each was
            labeled as before, or `None` if it was never in old data. Old
            labels of that class may then be either. In a multi-label
            classifier a sample that shows the new class shows its parent
            too, and classes that are not in the dict were not looked for in
            old data. Defaults to `None`: no new class was in old data, which
            is an error where labels are missing.
        shares: Dict of names of new classes: the share of the old class that
            each was, a float between 0 and 1. A larger share takes more of
            the old class away. In a multi-label classifier, the share of the
            samples that were not looked at for the new class (of those that
            show the parent, if it has one). Defaults to `None`: not known.

    Raises:
        ValueError: if `unlabeled` is none of the three meanings.
        TypeError: if `parents` or `shares` is no dict.

    Example:

    >>> PartialLabels("not_new", parents={"police car": "car"}).unlabeled
    'not_new'
    """

    unlabeled: str | None = None
    parents: dict[str, str | None] | None = None
    shares: dict[str, float] | None = None

    def __post_init__(self):
        if self.unlabeled is not None and self.unlabeled not in MEANINGS:
            raise ValueError(
                f"`unlabeled` must be one of {list(MEANINGS)}. Received: "
                f'unlabeled={self.unlabeled!r}. Use "not_new" if every '
                'example of the new classes is labeled, "background" if the '
                'rest is of no class, else "unknown". Pass samples without '
                "any label as `auxiliary`."
            )
        for argument in ("parents", "shares"):
            given = getattr(self, argument)
            if given is not None and not isinstance(given, dict):
                raise TypeError(
                    f"`{argument}` must be a dict of new classes. Received: "
                    f"{argument}={given!r}. Pass, for example, "
                    f"{argument}={{'bird': ...}}."
                )

    def check(self, known: Sequence[str], exclusive: bool = True) -> None:
        """Raises unless the classifier has what `unlabeled` refers to.

        Args:
            known: Names of the known classes.
            exclusive: Bool. Whether classes exclude each other. Defaults to
                `True`.
        """
        if self.unlabeled != BACKGROUND or not exclusive or BACKGROUND in known:
            return
        raise ValueError(
            '`unlabeled="background"` needs a class of that name. Received: '
            f"classes {list(known)}. Name the class of the background so, or "
            'say "unknown" or "not_new".'
        )

    def resolve(
        self,
        labels: np.ndarray,
        new_classes: Sequence[str],
        known: Sequence[str],
        exclusive: bool = True,
    ) -> ResolvedLabels:
        """Returns the declarations by indices of classes, after checks.

        Args:
            labels: Encoded labels of the new data, -1 where one is missing.
            new_classes: Names of the new classes in it.
            known: Names of the classes known before.
            exclusive: Bool. Whether classes exclude each other. Defaults to
                `True`.

        Returns:
            `ResolvedLabels`, with one entry for each new class.

        Raises:
            ValueError: if a declaration is missing, or does not fit.
        """
        self.check(known, exclusive)
        parents = _by_new_class("parents", self.parents, new_classes)
        shares = _by_new_class("shares", self.shares, new_classes)
        # Without a meaning, what has no label is padding.
        if exclusive and self.unlabeled and (labels < 0).any():
            _check_declared(new_classes, parents)
        indices = [_index(n, parents.get(n), known) for n in new_classes]
        for name, index in zip(new_classes, indices, strict=True):
            _check_share(name, shares.get(name), exclusive and index == NOVEL)
        return ResolvedLabels(
            self.unlabeled,
            tuple(indices),
            tuple(shares.get(name) for name in new_classes),
            tuple(
                name in parents and parents[name] is None
                for name in new_classes
            ),
        )


def _by_new_class(argument, given, new):
    given = {normal(name): value for name, value in (given or {}).items()}
    unknown = [name for name in given if name not in new]
    if unknown:
        raise ValueError(
            f"`{argument}` has entries for {unknown}, which are no new "
            f"classes. Received: {argument}={given}. New classes: {list(new)}."
        )
    return given


def _check_declared(new, parents):
    missing = [name for name in new if name not in parents]
    if missing:
        raise ValueError(
            "With partial labels, `parents` must say how each new class was "
            f"labeled before. Received: `parents` without {missing}. Pass "
            f"parents={{{missing[0]!r}: None}} if the class was never in the "
            "data of old classes, or the old class that it was labeled as, "
            f'as in parents={{{missing[0]!r}: "background"}}.'
        )


def _index(name, parent, known):
    if parent is None:
        return NOVEL
    if not isinstance(parent, str) or normal(parent) not in known:
        raise ValueError(
            f"`parents` must name old classes. Received: parents={{{name!r}: "
            f"{parent!r}}}. Known classes: {list(known)}."
        )
    return known.index(normal(parent))


def _check_share(name, share, needs_parent):
    if share is None:
        return
    if not isinstance(share, float) or not 0 < share < 1:
        raise ValueError(
            "`shares` must be floats between 0 and 1. Received: shares="
            f"{{{name!r}: {share!r}}}. It is the part of the old class that "
            f"'{name}' was."
        )
    if needs_parent:
        raise ValueError(
            f"`shares` is the part of an old class that '{name}' was, but "
            f"`parents` names none. Received: shares={{{name!r}: {share}}}. "
            "Name the old class in `parents`."
        )
