"""Tables of text."""

import csv
import io
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


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Returns rows as lines of CSV; cells with line breaks are in quotes."""
    text = io.StringIO()
    plain = csv.writer(text, lineterminator="\n")
    quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        # Python before 3.13 writes a carriage return without quotes.
        odd = any("\r" in str(cell) for cell in row)
        (quoted if odd else plain).writerow(row)
    return text.getvalue()


def _aligned(text, width):
    number = text.rstrip("%").strip().lstrip("+-")
    right = number[:1].isdigit() and number.replace(".", "", 1).isdigit()
    return text.rjust(width) if right else text.ljust(width)
