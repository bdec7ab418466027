import collections
import pathlib

import click

from keras_incremental.cli import options
from keras_incremental.cli import sorting
from keras_incremental.cli.command import Result
from keras_incremental.cli.command import command
from keras_incremental.cli.formatting import table
from keras_incremental.cli.image_lists import unlabeled_images
from keras_incremental.cli.progress import Progress
from keras_incremental.cli.reading import check_calibrated
from keras_incremental.cli.reading import open_classifier
from keras_incremental.cli.reading import reader_for
from keras_incremental.utils import files


@command("review", "review pets.keras holidays --out sort")
@options.model
@options.data
@click.option(
    "--out",
    required=True,
    type=options.PATH,
    metavar="FOLDER",
    help="A new folder, for copies of the pictures.",
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    help="How many pictures to review at most.",
)
@click.option(
    "--min-size",
    type=click.IntRange(min=2),
    default=5,
    show_default=True,
    help="Pictures of a new class at least.",
)
@options.size
@options.skip_broken
@options.batch_size
@click.pass_obj
def review(
    progress: Progress,
    model: pathlib.Path,
    data: pathlib.Path,
    out: pathlib.Path,
    count: int | None,
    min_size: int,
    size: tuple[int, int] | None,
    skip_broken: bool,
    batch_size: int,
) -> Result:
    """Copy pictures that a person should look at, a folder per class.

    Uncertain ones are in the folder of the class that is proposed; unknown
    ones in unknown-1, unknown-2 and so on, where they are alike, else in
    unknown. Move pictures to where they belong, and give the folders of new
    classes their names. Then `learn MODEL FOLDER` takes them back; what is
    still called unknown is left out.
    """
    options.checked_target(out, force=False)
    found = unlabeled_images(data)
    classifier = open_classifier(model)
    if classifier.calibration_is_stale:
        check_calibrated(classifier, model)
    pictures = reader_for(classifier, size, skip_broken, progress).read(found)
    queue = classifier.review(pictures.x, batch_size=batch_size, count=count)
    names = sorting.proposed_folders(queue, min_size)
    with files.replacing(out) as part:
        rows = sorting.write_folders(part, queue, pictures.files.paths, names)
    counts = sorted(collections.Counter(names).items())
    text = table([("folder", "pictures"), *counts])
    values = {"out": str(out), "pictures": rows, "broken": pictures.broken}
    return Result(f"{text}\ncopied to '{out}'", values)
