"""Frame around each command: what it prints, its errors and exit codes."""

import contextlib
import dataclasses
import json
import sys
import textwrap
import warnings
from collections.abc import Iterator
from typing import Any

import click

from keras_incremental.cli.progress import Progress
from keras_incremental.utils.types import Config

DONE, FAILED, BAD_INPUT, REFUSED, UNDECIDED = range(5)

SWITCHES = (
    click.Option(["--json"], is_flag=True, help="Print JSON."),
    click.Option(["--quiet", "-q"], is_flag=True, help="Show no progress."),
    click.Option(["--debug"], is_flag=True, help="Show tracebacks of errors."),
)


@dataclasses.dataclass(frozen=True)
class Result:
    """What a command has to say.

    Attributes:
        text: String for people.
        values: Dict for programs.
        code: Int, the exit code. Defaults to `0`.
    """

    text: str
    values: Config
    code: int = DONE


class Command(click.Command):
    """A command that returns a `Result`.

    Results go to the standard output, all else to the standard error.

    Args:
        example: String, an example for the help.
        **options: Arguments of `click.Command`.
    """

    def __init__(self, *args: Any, example: str, **options: Any):
        lines = textwrap.wrap(
            f"$ keras-incremental {example}", 68, break_on_hyphens=False
        )
        super().__init__(*args, **options)
        self.epilog = "Example:\n\n\b\n  " + " \\\n      ".join(lines)
        self.params.extend(SWITCHES)

    def invoke(self, ctx: click.Context) -> None:
        as_json, quiet, debug = (
            ctx.params.pop(switch.name) for switch in SWITCHES
        )
        ctx.obj = Progress(quiet)
        with _told_errors(as_json, debug):
            with contextlib.redirect_stdout(sys.stderr), _told_warnings():
                result = super().invoke(ctx)
        click.echo(_json(result.values) if as_json else result.text)
        ctx.exit(result.code)


class InOrder(click.Group):
    """Lists commands in the order in which they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


def command(name: str, example: str) -> Any:
    """Returns a decorator that makes a command of a function.

    Args:
        name: String.
        example: String, how to use it.
    """
    return click.command(name, cls=Command, example=example)


@contextlib.contextmanager
def _told_errors(as_json: bool, debug: bool) -> Iterator[None]:
    """Ends the program with a message and an exit code, without traceback."""
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except Exception as error:
        if debug:
            raise
        if as_json:
            click.echo(_json({"error": str(error), "type": _name(error)}))
        click.echo(f"Error: {_words(error)}", err=True)
        raise click.exceptions.Exit(_code(error)) from error


@contextlib.contextmanager
def _told_warnings() -> Iterator[None]:
    def tell(message: Any, *args: Any, **options: Any) -> None:
        click.echo(f"Warning: {message}", err=True)

    with warnings.catch_warnings():
        warnings.showwarning = tell
        yield


def _code(error):
    bad = isinstance(error, (ValueError, TypeError, OSError, ImportError))
    return BAD_INPUT if bad else FAILED


def _words(error):
    if _code(error) == BAD_INPUT:
        return str(error)
    return f"{_name(error)}: {error} (--debug shows where.)"


def _name(error):
    return type(error).__name__


def _json(values):
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
