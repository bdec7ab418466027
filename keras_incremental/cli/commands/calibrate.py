import pathlib

import click

from keras_incremental.cli import options
from keras_incremental.cli.command import Result
from keras_incremental.cli.command import command
from keras_incremental.cli.image_lists import labeled_images
from keras_incremental.cli.progress import Progress
from keras_incremental.cli.reading import open_classifier
from keras_incremental.cli.reading import reader_for


@command("calibrate", "calibrate pets.keras photos/test --force")
@options.model
@options.data
@click.option(
    "--false-alarm",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    metavar="SHARE",
    help="Share of known pictures that may be called unknown.",
)
@options.out
@options.force
@options.size
@options.skip_broken
@options.batch_size
@click.pass_obj
def calibrate(
    progress: Progress,
    model: pathlib.Path,
    data: pathlib.Path,
    false_alarm: float,
    out: pathlib.Path | None,
    force: bool,
    size: tuple[int, int] | None,
    skip_broken: bool,
    batch_size: int,
) -> Result:
    """Calibrate what is unknown, for `predict --unknown` and `review`.

    DATA has pictures of all known classes that were not learned from. It holds
    until the next `learn`; then the same rate is estimated from statistics.
    """
    target = options.checked_classifier(out or model, force)
    files = labeled_images(data)
    classifier = open_classifier(model)
    pictures = reader_for(classifier, size, skip_broken, progress).read(files)
    rejector = classifier.calibrate_unknown(
        pictures.x,
        pictures.y,
        pictures.files.classes,
        false_alarm=false_alarm,
        batch_size=batch_size,
    )
    classifier.save(target)
    values = {
        "out": str(target),
        "false_alarm": rejector.false_alarm,
        "interval": list(rejector.interval),
        "class_alarms": rejector.class_alarms,
        "broken": pictures.broken,
    }
    return Result(f"{rejector}\nsaved to '{target}'", values)
