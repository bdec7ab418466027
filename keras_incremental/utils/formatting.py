"""Formatting of numbers and names for reports."""

from collections.abc import Sequence

# Letters without a shape of their own, which join those of many scripts.
JOINERS = "\u200c\u200d"
MOST_LETTERS = 60


def one_line(text: str, most: int = MOST_LETTERS) -> str:
    """Returns text that stays on its line, and steers no terminal.

    Line breaks, control characters and marks that turn the direction of
    writing become escapes, and long text is shortened.

    Args:
        text: String of any content.
        most: Int, the most letters. Defaults to `60`.
    """
    text = text if len(text) <= most else f"{text[: most - 1]}\u2026"
    return "".join(
        letter
        if letter.isprintable() or letter in JOINERS
        else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def percent(share: float | None) -> str:
    """Formats a share from 0 to 1 in percent; a dash for `None`."""
    return "–" if share is None else f"{100 * share:.1f}\u00a0%"


def points(before: float | None, after: float | None) -> str:
    """Formats a change in percentage points; a dash if it is unknown."""
    if before is None or after is None:
        return "–"
    value = 100 * (after - before)
    return f"{value:+.1f}".replace("-", "−")


def change(before: float | None, after: float | None) -> str:
    """Formats two shares as "before → after"."""
    if before is None:
        return percent(after)
    return f"{percent(before)} → {percent(after)}"


def megabytes(count: float) -> str:
    """Formats a number of bytes in MB or kB."""
    return f"{count / 1e6:.1f} MB" if count >= 5e4 else f"{count / 1e3:.1f} kB"


def listed(names: Sequence[str], most: int = 6) -> str:
    """Formats names as a list, shortened to the first `most`."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"
