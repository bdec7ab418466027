import pathlib

import click

import keras_incremental as ki
from keras_incremental.cli import options
from keras_incremental.cli.command import DONE
from keras_incremental.cli.command import REFUSED
from keras_incremental.cli.command import UNDECIDED
from keras_incremental.cli.command import Result
from keras_incremental.cli.command import command
from keras_incremental.cli.image_lists import labeled_images
from keras_incremental.cli.progress import Progress
from keras_incremental.cli.reading import open_classifier
from keras_incremental.cli.reading import reader_for

CODES = {"accepted": DONE, "refused": REFUSED, "undecided": UNDECIDED}


@command(
    "compare", "compare pets.keras pets2.keras photos/test --max-drop 0.02"
)
@click.argument("old", type=options.PATH)
@click.argument("new", type=options.PATH)
@options.data
@click.option(
    "--max-drop",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Refuse NEW if the old classes lost more accuracy.",
)
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="Confidence of the decision.",
)
@options.report
@options.force
@options.size
@options.skip_broken
@options.batch_size
@click.pass_obj
def compare(
    progress: Progress,
    old: pathlib.Path,
    new: pathlib.Path,
    data: pathlib.Path,
    max_drop: float | None,
    level: float,
    report: pathlib.Path | None,
    force: bool,
    size: tuple[int, int] | None,
    skip_broken: bool,
    batch_size: int,
) -> Result:
    """Compare NEW with OLD on DATA, and decide between them.

    The exit code is 0 if NEW is surely within --max-drop, 3 if it surely is
    not, and 4 if there are not enough pictures to tell.
    """
    options.checked_report(report, force)
    comparing = ki.models.comparing
    files = labeled_images(data)
    first, second = open_classifier(old), open_classifier(new)
    reader, other = (
        reader_for(model, size, skip_broken, progress)
        for model in (first, second)
    )
    pictures = seen = reader.read(files)
    if other.sample_shape != reader.sample_shape:
        seen = other.read(files, "reading at another size:")
    comparison = comparing.compare_predictions(
        pictures.y,
        comparing.predicted_names(first, pictures.x, batch_size),
        comparing.predicted_names(second, seen.x, batch_size),
        first.classes,
        second.classes,
        max_drop=max_drop,
        level=level,
    )
    options.write_report(comparison, report)
    values = {**comparison.to_dict(), "broken": pictures.broken}
    return Result(str(comparison), values, CODES[comparison.decision])
