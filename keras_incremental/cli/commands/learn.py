import dataclasses
import pathlib
from typing import Any

import click

import keras_incremental as ki
from keras_incremental.cli import options
from keras_incremental.cli.command import Result
from keras_incremental.cli.command import command
from keras_incremental.cli.image_lists import labeled_images
from keras_incremental.cli.outcomes import outcome
from keras_incremental.cli.progress import Progress
from keras_incremental.cli.reading import open_classifier
from keras_incremental.cli.reading import reader_for


@command(
    "learn",
    "learn pets.keras birds --class bird --validation photos/test "
    "--max-drop 0.02 --out pets2.keras",
)
@options.model
@options.data
@options.class_name
@options.validation
@options.max_drop
@options.memory
@options.class_weight
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    help="Train as often, where the head could be solved.",
)
@options.batch_size
@options.out
@options.report
@options.force
@options.keep_snapshots
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
    class_weight: tuple[str, ...],
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
    weights = options.class_weights(class_weight)
    options.checked_report(report, force)
    new = labeled_images(data, class_name)
    held_out = None if validation is None else labeled_images(validation)
    classifier = _with_memory(open_classifier(model), memory)
    reader = reader_for(classifier, size, skip_broken, progress)
    _weigh(classifier, weights, new.classes)
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
    broken = pictures.broken + (measured.broken if measured else [])
    return outcome(classifier, made, target, keep_snapshots, broken)


def _with_memory(classifier: Any, budget: int | None) -> Any:
    if budget is None:
        return classifier
    memory = ki.ExemplarMemory(budget)
    recipe = dataclasses.replace(classifier.recipe, memory=memory)
    return classifier.with_recipe(recipe)


def _weigh(classifier, weights, new):
    """Gives a classifier weights of classes, beside those that it has."""
    known = {*classifier.classes, *new}
    unknown = [name for name in weights if name not in known]
    if unknown:
        raise ValueError(
            "--class-weight takes names of classes that MODEL knows or DATA "
            f"has. Received: {unknown}. They are {sorted(known)}."
        )
    if weights:
        classifier.class_weight = {**classifier.class_weight, **weights}
