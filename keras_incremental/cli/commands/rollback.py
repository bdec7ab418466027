import pathlib

import click

import keras_incremental as ki
from keras_incremental.cli import options
from keras_incremental.cli.command import Result
from keras_incremental.cli.command import command


@command("rollback", "rollback pets.keras --force")
@options.model
@click.option(
    "--phase",
    type=click.IntRange(min=0),
    help="Phase to go back to; without it, the last one before the present.",
)
@options.force
def rollback(model: pathlib.Path, phase: int | None, force: bool) -> Result:
    """Restore MODEL as it was after an earlier phase.

    It needs a snapshot, which `learn --keep-snapshots 3` keeps beside MODEL.
    """
    if model.exists():
        options.checked_classifier(model, force)
    restored = ki.models.rollback_file(model, phase)
    text = f"'{model}' is as it was after phase {restored}"
    return Result(text, {"out": str(model), "phase": restored})
