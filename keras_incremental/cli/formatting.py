"""Tables of text."""

from collections.abc import Iterable
from collections.abc import Sequence

from keras_incremental.utils.formatting import one_line


def table(rows: Iterable[Sequence[object]]) -> str:
    """Returns rows as aligned columns; numbers are aligned on the right.

    Args:
        rows: Rows of as many cells.
    """
    texts = [[one_line(str(cell), 200) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return "\n".join(
        "  ".join(map(_aligned, row, widths)).rstrip() for row in texts
    )


def _aligned(text, width):
    number = text.rstrip("%").strip().lstrip("+-")
    right = number[:1].isdigit() and number.replace(".", "", 1).isdigit()
    return text.rjust(width) if right else text.ljust(width)
