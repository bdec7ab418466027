"""Progress on the standard error: bars in a terminal, lines in a log."""

import shutil
import sys
from collections.abc import Iterator
from collections.abc import Sequence
from typing import TypeVar

import click

# Of the bars of Keras, with a few metrics.
WIDTH = 140

Item = TypeVar("Item")


class Progress:
    """How far a command is.

    Args:
        quiet: Bool. Whether nothing is shown.
    """

    def __init__(self, quiet: bool):
        self.quiet = quiet

    @property
    def in_terminal(self) -> bool:
        """Whether a line can be drawn over."""
        return sys.stderr.isatty()

    @property
    def verbose(self) -> int:
        """Int. The argument `verbose` of Keras.

        Its bars go into logs too, and are drawn anew where they do not fit
        into a line.
        """
        if self.quiet:
            return 0
        fits = shutil.get_terminal_size().columns >= WIDTH
        return 1 if self.in_terminal and fits else 2

    def say(self, words: str) -> None:
        """Shows a line."""
        if not self.quiet:
            click.echo(words, err=True)

    def warn(self, words: str) -> None:
        """Shows a warning, also where no progress is shown."""
        click.echo(f"Warning: {words}", err=True)

    def over(self, items: Sequence[Item], words: str) -> Iterator[Item]:
        """Yields items, and shows how many are done.

        Args:
            items: Sequence.
            words: String, what is done.
        """
        if self.quiet or not self.in_terminal:
            self.say(f"{words} {len(items)} files")
            yield from items
            return
        bar = click.progressbar(
            items, label=words, file=sys.stderr, width=0, show_pos=True
        )
        with bar:
            yield from bar
