import pathlib

import click

from keras_incremental.cli import options
from keras_incremental.cli.command import Result
from keras_incremental.cli.command import command
from keras_incremental.cli.image_lists import labeled_images
from keras_incremental.cli.progress import Progress
from keras_incremental.cli.reading import open_classifier
from keras_incremental.cli.reading import reader_for


@command("remember", "remember pets.keras photos/train --force")
@options.model
@options.data
@options.class_name
@options.out
@options.force
@options.size
@options.skip_broken
@options.batch_size
@click.pass_obj
def remember(
    progress: Progress,
    model: pathlib.Path,
    data: pathlib.Path,
    class_name: str | None,
    out: pathlib.Path | None,
    force: bool,
    size: tuple[int, int] | None,
    skip_broken: bool,
    batch_size: int,
) -> Result:
    """Keep what is needed of DATA of known classes.

    Statistics of the features are kept, and pictures only where the
    classifier was adopted with --memory. Nothing is trained.
    """
    target = options.checked_classifier(out or model, force)
    files = labeled_images(data, class_name)
    classifier = open_classifier(model)
    reader = reader_for(classifier, size, skip_broken, progress)
    pictures = reader.read(files)
    classifier.remember(
        pictures.x, pictures.y, pictures.files.classes, batch_size=batch_size
    )
    classifier.save(target)
    counts = pictures.files.counts
    words = ", ".join(f"{count} of {name}" for name, count in counts.items())
    return Result(
        f"remembers {words}; saved to '{target}'",
        {"out": str(target), "samples": counts, "broken": pictures.broken},
    )
