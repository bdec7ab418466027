import pathlib

import click

from keras_incremental.cli import options
from keras_incremental.cli.command import Result
from keras_incremental.cli.command import command
from keras_incremental.cli.image_lists import labeled_images
from keras_incremental.cli.outcomes import outcome
from keras_incremental.cli.progress import Progress
from keras_incremental.cli.reading import open_classifier
from keras_incremental.cli.reading import reader_for


@command("merge", "merge pets.keras phone.npz tablet.npz --out pets2.keras")
@options.model
@click.argument("heads", nargs=-1, required=True, type=options.PATH)
@options.validation
@options.max_drop
@options.batch_size
@options.out
@options.report
@options.force
@options.keep_snapshots
@options.size
@options.skip_broken
@click.pass_obj
def merge(
    progress: Progress,
    model: pathlib.Path,
    heads: tuple[pathlib.Path, ...],
    validation: pathlib.Path | None,
    max_drop: float | None,
    batch_size: int,
    out: pathlib.Path | None,
    report: pathlib.Path | None,
    force: bool,
    keep_snapshots: int | None,
    size: tuple[int, int] | None,
    skip_broken: bool,
) -> Result:
    """Learn what devices have learned, without a picture of them.

    HEADS are the files that devices have saved, which MODEL was sent to by
    `export --extendable`: the last file of each device. If --max-drop refuses
    the update, nothing is saved but the report, and the exit code is 3.
    """
    target = options.checked_classifier(out or model, force)
    options.checked_report(report, force)
    held_out = None if validation is None else labeled_images(validation)
    classifier = open_classifier(model)
    measured = None
    if held_out is not None:
        reader = reader_for(classifier, size, skip_broken, progress)
        measured = reader.read(held_out, "reading validation data:")
    made = classifier.learn_statistics(
        heads,
        validation_data=measured and (measured.x, measured.y),
        max_drop=max_drop,
        batch_size=batch_size,
        verbose=progress.verbose,
    )
    options.write_report(made, report)
    broken = measured.broken if measured else []
    return outcome(classifier, made, target, keep_snapshots, broken)
