"""Figures in words."""


def percent(share):
    """A share from 0 to 1 in percent; a dash where there is none."""
    return "–" if share is None else f"{100 * share:.1f}\u00a0%"


def points(before, after):
    """A change in points; a dash where it was not measured."""
    if before is None or after is None:
        return "–"
    value = 100 * (after - before)
    return f"{value:+.1f}".replace("-", "−")


def change(before, after):
    """From what to what."""
    if before is None:
        return percent(after)
    return f"{percent(before)} → {percent(after)}"


def megabytes(count):
    """Bytes in MB, of a million bytes."""
    return f"{count / 1e6:.1f} MB" if count >= 5e4 else f"{count / 1e3:.1f} kB"


def listed(names, most=6):
    """Names in a row, the first of many."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"
