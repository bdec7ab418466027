import pathlib

import click

from keras_incremental.cli import options
from keras_incremental.cli.command import Result
from keras_incremental.cli.command import command
from keras_incremental.cli.formatting import table
from keras_incremental.cli.image_lists import labeled_images
from keras_incremental.cli.progress import Progress
from keras_incremental.cli.reading import open_classifier
from keras_incremental.cli.reading import reader_for


@command("evaluate", "evaluate pets.keras photos/test")
@options.model
@options.data
@options.class_name
@options.size
@options.skip_broken
@options.batch_size
@click.pass_obj
def evaluate(
    progress: Progress,
    model: pathlib.Path,
    data: pathlib.Path,
    class_name: str | None,
    size: tuple[int, int] | None,
    skip_broken: bool,
    batch_size: int,
) -> Result:
    """Measure the accuracy on DATA, of all and of each class."""
    files = labeled_images(data, class_name)
    classifier = open_classifier(model)
    reader = reader_for(classifier, size, skip_broken, progress)
    pictures = reader.read(files)
    scores = classifier.evaluate_classes(
        pictures.x, pictures.y, pictures.files.classes, batch_size=batch_size
    )
    counts = pictures.files.counts
    overall = sum(scores[c] * n for c, n in counts.items()) / len(pictures.x)
    rows = [(c, f"{100 * scores[c]:.1f} %", counts[c]) for c in scores]
    rows.append(("all", f"{100 * overall:.1f} %", len(pictures.x)))
    return Result(
        table([("class", "accuracy", "pictures"), *rows]),
        {
            "accuracy": overall,
            "samples": len(pictures.x),
            "per_class": {
                name: {"accuracy": scores[name], "samples": counts[name]}
                for name in scores
            },
            "broken": pictures.broken,
        },
    )
