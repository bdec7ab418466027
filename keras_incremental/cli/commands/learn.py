import dataclasses
import pathlib
from typing import Any

import click

import keras_incremental as ki
from keras_incremental.cli import options
from keras_incremental.cli.command import DONE
from keras_incremental.cli.command import REFUSED
from keras_incremental.cli.command import Result
from keras_incremental.cli.command import command
from keras_incremental.cli.progress import Progress
from keras_incremental.cli.reading import open_classifier
from keras_incremental.cli.reading import reader_for
from keras_incremental.data.image_lists import labeled_images


@command(
    "learn",
    "learn pets.keras birds --class bird --validation photos/test "
    "--max-drop 0.02 --out pets2.keras",
)
@options.model
@options.data
@options.class_name
@click.option(
    "--validation",
    type=options.PATH,
    metavar="DATA",
    help="Pictures of old and new classes, to measure on.",
)
@click.option(
    "--max-drop",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Refuse an update that costs the old classes more accuracy.",
)
@options.memory
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    help="Train as often, where the head could be solved.",
)
@options.batch_size
@options.out
@options.report
@options.force
@click.option(
    "--keep-snapshots",
    type=click.IntRange(min=1),
    metavar="COUNT",
    help="Keep as many files of earlier phases beside, for rollback.",
)
@options.size
@options.skip_broken
@click.pass_obj
def learn(
    progress: Progress,
    model: pathlib.Path,
    data: pathlib.Path,
    class_name: str | None,
    validation: pathlib.Path | None,
    max_drop: float | None,
    memory: int | None,
    epochs: int | None,
    batch_size: int,
    out: pathlib.Path | None,
    report: pathlib.Path | None,
    force: bool,
    keep_snapshots: int | None,
    size: tuple[int, int] | None,
    skip_broken: bool,
) -> Result:
    """Learn the classes of DATA, new or known.

    If --max-drop refuses the update, nothing is saved but the report, and the
    exit code is 3.
    """
    target = options.checked_classifier(out or model, force)
    options.checked_report(report, force)
    new = labeled_images(data, class_name)
    held_out = None if validation is None else labeled_images(validation)
    classifier = _with_memory(open_classifier(model), memory)
    reader = reader_for(classifier, size, skip_broken, progress)
    pictures = reader.read(new)
    measured = held_out and reader.read(held_out, "reading validation data:")
    made = classifier.learn(
        pictures.x,
        pictures.y,
        pictures.files.classes,
        validation_data=measured and (measured.x, measured.y),
        max_drop=max_drop,
        epochs=epochs,
        batch_size=batch_size,
        verbose=progress.verbose,
    )
    options.write_report(made, report)
    if made.accepted:
        classifier.save(target, keep_snapshots=keep_snapshots)
    saved = str(target) if made.accepted else None
    broken = pictures.broken + (measured.broken if measured else [])
    return Result(
        f"{made}\n  {f'saved to {saved!r}' if saved else 'nothing was saved'}",
        {**made.to_dict(), "out": saved, "broken": broken},
        DONE if made.accepted else REFUSED,
    )


def _with_memory(classifier: Any, budget: int | None) -> Any:
    if budget is None:
        return classifier
    memory = ki.ExemplarMemory(budget)
    recipe = dataclasses.replace(classifier.recipe, memory=memory)
    return classifier.with_recipe(recipe)
