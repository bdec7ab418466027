import pathlib

import click
import numpy as np

from keras_incremental.cli import options
from keras_incremental.cli.command import Result
from keras_incremental.cli.command import command
from keras_incremental.cli.formatting import csv_text
from keras_incremental.cli.formatting import table
from keras_incremental.cli.image_lists import unlabeled_images
from keras_incremental.cli.progress import Progress
from keras_incremental.cli.reading import check_calibrated
from keras_incremental.cli.reading import open_classifier
from keras_incremental.cli.reading import reader_for
from keras_incremental.utils.probabilities import softmax

# Pictures in memory at a time.
CHUNK = 512
UNKNOWN = "unknown"
COLUMNS = ("path", "class", "score")


@command("predict", "predict pets.keras holidays --csv > holidays.csv")
@options.model
@options.data
@click.option(
    "--unknown",
    is_flag=True,
    help="Answer 'unknown' for pictures of no known class.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@options.size
@options.skip_broken
@options.batch_size
@click.pass_obj
def predict(
    progress: Progress,
    model: pathlib.Path,
    data: pathlib.Path,
    unknown: bool,
    as_csv: bool,
    size: tuple[int, int] | None,
    skip_broken: bool,
    batch_size: int,
) -> Result:
    """Name the class of each picture in DATA.

    DATA is a folder of pictures, a CSV file with the column path, or a
    picture.
    """
    files = unlabeled_images(data)
    classifier = open_classifier(model)
    if unknown:
        check_calibrated(classifier, model)
    reader = reader_for(classifier, size, skip_broken, progress)
    rows: list[tuple] = []
    broken: list[str] = []
    for start in range(0, len(files), CHUNK):
        part = range(start, min(start + CHUNK, len(files)))
        pictures = reader.read(files.chosen(part))
        broken += pictures.broken
        if len(pictures.x):
            answers = _answers(classifier, pictures.x, batch_size, unknown)
            rows += zip(map(str, pictures.files.paths), *answers, strict=True)
    text = table(_shown(rows))
    if as_csv:
        text = csv_text([COLUMNS, *rows]).rstrip("\n")
    found = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    return Result(text, {"predictions": found, "broken": broken})


def _answers(classifier, x, batch_size, unknown):
    """Returns lists of names and of probabilities."""
    outputs = classifier.predict_scores(x, batch_size)
    if classifier.gives_logits:
        outputs = softmax(outputs)
    names = np.array(classifier.classes)[outputs.argmax(-1)]
    if unknown:
        names = classifier.predict_names(x, batch_size, unknown=UNKNOWN)
    return names.tolist(), outputs.max(-1).astype(float).tolist()


def _shown(rows):
    return [COLUMNS, *((p, name, f"{score:.3f}") for p, name, score in rows)]
