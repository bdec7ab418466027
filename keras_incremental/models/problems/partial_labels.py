"""What a user says of labels that are missing, and of where classes were."""

import dataclasses

from keras_incremental.data.label_space import NOVEL
from keras_incremental.data.names import normal

UNKNOWN, NOT_NEW, BACKGROUND = "unknown", "not_new", "background"
MEANINGS = (UNKNOWN, NOT_NEW, BACKGROUND)


@dataclasses.dataclass(frozen=True)
class PartialLabels:
    """The declarations of a phase.

    Attributes:
        meaning: What an unlabeled sample or pixel may be: `"unknown"`,
            anything; `"not_new"`, anything but a new class, because those
            were all labeled; `"background"`. `None` if there is none.
        parents: For each new class, the index of the old class that it was
            part of, or -1 if it was part of none.
        shares: For each new class, which share of the pictures of that old
            class it was, from 0 to 1, or `None` where nobody knows.
        absent: For each new class, whether it was said to be in no old data.
    """

    meaning: str | None = None
    parents: tuple[int, ...] = ()
    shares: tuple[float | None, ...] = ()
    absent: tuple[bool, ...] = ()

    @property
    def splits(self):
        """Whether a new class came out of an old one."""
        return any(parent != NOVEL for parent in self.parents)

    @property
    def is_plain(self):
        """Whether all is labeled, and nothing was hidden."""
        return self.meaning is None and not self.splits


def check_meaning(meaning, known, problem):
    """Raises unless `unlabeled` of `learn` is one of the three meanings."""
    if meaning is None:
        return
    if meaning not in MEANINGS:
        raise ValueError(
            f"`unlabeled` must be one of {list(MEANINGS)}. Received: "
            f'unlabeled={meaning!r}. Say "not_new" if every example of the '
            'new classes was labeled, "background" if the rest shows no '
            'class, "unknown" if nobody looked. Pictures without labels go '
            "into `auxiliary`."
        )
    if meaning == BACKGROUND and problem.exclusive and BACKGROUND not in known:
        raise ValueError(
            '`unlabeled="background"` needs a class of that name. Received: '
            f"classes {list(known)}. Name the class of the background so, or "
            'say "unknown" or "not_new".'
        )


def partial_labels(samples, known, meaning, parents, shares):
    """Checked declarations about the new classes of a samples.

    Args:
        samples: `Samples`, -1 where it has no label.
        known: Names of the classes known before.
        meaning: What -1 means, checked.
        parents: Dict of new names to the name of an old class or `None`, or
            `None`.
        shares: Dict of new names to numbers from 0 to 1, or `None`.

    Returns:
        `PartialLabels`.
    """
    new = samples.new_classes
    parents = _by_new_name("parents", parents, new)
    shares = _by_new_name("shares", shares, new)
    if samples.problem.exclusive and (samples.labels < 0).any():
        _check_said(new, parents)
    origins = tuple(_origin(name, parents.get(name), known) for name in new)
    for name, origin in zip(new, origins, strict=True):
        _check_share(name, shares.get(name), origin, samples.problem)
    return PartialLabels(
        meaning,
        origins,
        tuple(shares.get(name) for name in new),
        tuple(name in parents and parents[name] is None for name in new),
    )


def _by_new_name(argument, given, new):
    given = {} if given is None else given
    if not isinstance(given, dict):
        raise TypeError(
            f"`{argument}` must be a dict of new classes. Received: "
            f"{argument}={given!r}. Pass, for example, "
            f"{argument}={{{new[0] if new else 'bird'!r}: ...}}."
        )
    given = {normal(name): value for name, value in given.items()}
    unknown = [name for name in given if name not in new]
    if unknown:
        raise ValueError(
            f"`{argument}` says something of {unknown}, which are no new "
            f"classes. Received: {argument}={given}. New are {list(new)}."
        )
    return given


def _check_said(new, parents):
    silent = [name for name in new if name not in parents]
    if silent:
        raise ValueError(
            "Where only some of the data is labeled, what is right depends "
            f"on where {silent} were before. Received: `parents` without "
            f"them. Say parents={{{silent[0]!r}: None}} if the class was "
            "never in the data of old classes, or name the old class that it "
            f'was counted as, as in parents={{{silent[0]!r}: "background"}}.'
        )


def _origin(name, parent, known):
    if parent is None:
        return NOVEL
    if not isinstance(parent, str) or normal(parent) not in known:
        raise ValueError(
            f"`parents` must name old classes. Received: parents={{{name!r}: "
            f"{parent!r}}}. Known classes: {list(known)}."
        )
    return known.index(normal(parent))


def _check_share(name, share, origin, problem):
    if share is None:
        return
    if not isinstance(share, float) or not 0 < share < 1:
        raise ValueError(
            "`shares` must be floats between 0 and 1. Received: shares="
            f"{{{name!r}: {share!r}}}. It is the part of the old class that "
            f"'{name}' was."
        )
    if origin == NOVEL and problem.exclusive:
        raise ValueError(
            f"`shares` says which part of an old class '{name}' was, but "
            f"`parents` names none. Received: shares={{{name!r}: {share}}}. "
            "Name the old class in `parents`."
        )
