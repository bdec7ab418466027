"""Arguments and options that several commands share."""

import pathlib
from collections.abc import Callable
from typing import Any

import click

import keras_incremental as ki
from keras_incremental.utils import files

PATH = click.Path(path_type=pathlib.Path)
WRITERS: dict[str, Callable] = {
    ".html": lambda report, path: report.to_html(path),
    ".json": lambda report, path: report.to_json(path),
    ".txt": lambda report, path: files.write_text(path, f"{report}\n"),
}

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
report: Any = click.option(
    "--report",
    type=PATH,
    metavar="FILE",
    help="Where the report goes: .html, .json or .txt.",
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
validation: Any = click.option(
    "--validation",
    type=PATH,
    metavar="DATA",
    help="Pictures of old and new classes, to measure on.",
)
max_drop: Any = click.option(
    "--max-drop",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Refuse an update that costs the old classes more accuracy.",
)
class_weight: Any = click.option(
    "--class-weight",
    multiple=True,
    metavar="NAME=WEIGHT",
    help="How much a class counts, beside 1 of the others. Again for more.",
)
keep_snapshots: Any = click.option(
    "--keep-snapshots",
    type=click.IntRange(min=1),
    metavar="COUNT",
    help="Keep as many files of earlier phases beside, for rollback.",
)


def class_weights(given: tuple[str, ...]) -> dict[str, float]:
    """Returns weights of classes by their names.

    Args:
        given: Texts as `"bird=5"`.

    Raises:
        ValueError: if one is another text, or names a class again.
    """
    parted = [text.rpartition("=") for text in given]
    names = [ki.data.labels.normal(name) for name, _, _ in parted]
    if "" in names or len(set(names)) < len(names):
        raise ValueError(
            "--class-weight takes a class and its weight, each class once, as "
            f"in --class-weight bird=5. Received: {list(given)}."
        )
    try:
        weights = [float(weight) for _, _, weight in parted]
    except ValueError:
        raise ValueError(
            "The weight of a class is a number, as in --class-weight bird=5. "
            f"Received: {list(given)}."
        ) from None
    return dict(zip(names, weights, strict=True))


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


def checked_report(target: pathlib.Path | None, force: bool) -> None:
    """Raises if a report may not be written.

    Args:
        target: Path, or `None` for no report.
        force: Bool. Whether it may exist.

    Raises:
        ValueError: if it is of another kind.
        OSError: if it may not be written.
        ImportError: if matplotlib is missing, which draws the figures.
    """
    if target is None:
        return
    if target.suffix not in WRITERS:
        raise ValueError(
            "A report is written as .html, .json or .txt. Received: "
            f"--report {target}."
        )
    checked_target(target, force)
    if target.suffix == ".html":
        # A page has figures: raises now, and not after hours of training.
        ki.reporting.figures.pyplot()


def write_report(made: Any, target: pathlib.Path | None) -> None:
    """Writes a report in the format of the name of its file.

    Args:
        made: `PhaseReport` or `Comparison`.
        target: Path, or `None` for no report.
    """
    if target is not None:
        WRITERS[target.suffix](made, target)
