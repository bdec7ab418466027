"""Arguments and options that several commands share."""

import pathlib
from typing import Any

import click

PATH = click.Path(path_type=pathlib.Path)

model: Any = click.argument("model", type=PATH)
data: Any = click.argument("data", type=PATH)
class_name: Any = click.option(
    "--class",
    "class_name",
    metavar="NAME",
    help="Class of all pictures, where DATA has no folders of classes.",
)
size: Any = click.option(
    "--size",
    type=click.IntRange(min=1),
    nargs=2,
    metavar="HEIGHT WIDTH",
    help="Size of pictures, for a model that takes any size.",
)
skip_broken: Any = click.option(
    "--skip-broken",
    is_flag=True,
    help="Name pictures that cannot be read, and go on without them.",
)
batch_size: Any = click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    help="Pictures that the model sees at once.",
)
out: Any = click.option(
    "--out",
    type=PATH,
    metavar="FILE",
    help="Where the classifier is saved. Without it, MODEL is replaced, "
    "which needs --force.",
)
force: Any = click.option(
    "--force", is_flag=True, help="Replace files that exist."
)
memory: Any = click.option(
    "--memory",
    type=click.IntRange(min=1),
    metavar="COUNT",
    help="Keep this many pictures of known classes in the file.",
)


def checked_target(target: pathlib.Path, force: bool) -> pathlib.Path:
    """Returns the path of a file that may be written.

    Args:
        target: Path.
        force: Bool. Whether it may exist.

    Raises:
        OSError: if it may not be written.
    """
    if target.exists() and not force:
        raise FileExistsError(
            f"'{target}' exists, and is replaced only with --force. Choose "
            "another --out, or add --force."
        )
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"There is no folder '{target.parent}' to write "
            f"'{target.name}' to. Make it first."
        )
    return target


def checked_classifier(target: pathlib.Path, force: bool) -> pathlib.Path:
    """Returns the path of a `.keras` file that may be written."""
    if target.suffix != ".keras":
        raise ValueError(
            "A classifier is saved in a file that ends in .keras. Received: "
            f"'{target}'."
        )
    return checked_target(target, force)
