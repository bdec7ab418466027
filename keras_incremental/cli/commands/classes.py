import pathlib
from typing import Any

import click

import keras_incremental as ki
from keras_incremental.cli import options
from keras_incremental.cli.command import InOrder
from keras_incremental.cli.command import Result
from keras_incremental.cli.command import command
from keras_incremental.cli.formatting import table
from keras_incremental.utils.formatting import change
from keras_incremental.utils.formatting import percent

pairs: Any = click.argument(
    "pairs", nargs=-1, required=True, metavar="NAME=NAME..."
)


@command("list", "classes list pets.keras")
@options.model
def list_classes(model: pathlib.Path) -> Result:
    """List the classes of MODEL, and what is kept of each."""
    classifier = ki.models.load_classifier(model)
    rows = [_row(classifier, index) for index in range(len(classifier.classes))]
    cells = [list(row.values()) for row in rows]
    names = [name.replace("_", " ") for name in rows[0]]
    return Result(table([names, *cells]), {"classes": rows})


@command("history", "classes history pets.keras")
@options.model
def history(model: pathlib.Path) -> Result:
    """Show which classes came when, and what that cost the old ones."""
    phases = ki.models.read_phases(model)
    rows = [
        (
            record.phase,
            record.date[:10],
            ", ".join(record.new_classes) or "none",
            record.samples,
            change(record.old_score_before, record.old_score),
            percent(record.new_score),
            record.versions.get("keras_incremental", ""),
        )
        for record in phases
    ]
    names = ("phase", "date", "new classes", "samples", "old", "new", "version")
    text = table([names, *rows]) if rows else "nothing was learned yet"
    return Result(text, {"phases": [r.get_config() for r in phases]})


@command("rename", "classes rename pets.keras kitten=cat --force")
@options.model
@pairs
@options.out
@options.force
def rename(
    model: pathlib.Path,
    pairs: tuple[str, ...],
    out: pathlib.Path | None,
    force: bool,
) -> Result:
    """Give classes other names, as OLD=NEW."""
    return _edited(model, out, force, "rename", _by_name(pairs))


@command("merge", "classes merge pets.keras kitten=cat --force")
@options.model
@pairs
@options.out
@options.force
def merge(
    model: pathlib.Path,
    pairs: tuple[str, ...],
    out: pathlib.Path | None,
    force: bool,
) -> Result:
    """Count classes as others, as CLASS=OTHER. Nothing is trained."""
    return _edited(model, out, force, "merge", _by_name(pairs))


@command("remove", "classes remove pets.keras bird --force")
@options.model
@click.argument("names", nargs=-1, required=True)
@options.out
@options.force
def remove(
    model: pathlib.Path,
    names: tuple[str, ...],
    out: pathlib.Path | None,
    force: bool,
) -> Result:
    """Predict classes no more, and delete what is kept of their samples.

    What the weights learned of them stays in the weights.
    """
    return _edited(model, out, force, "remove", list(names))


@click.group(
    "classes",
    cls=InOrder,
    commands=(list_classes, history, rename, merge, remove),
)
def classes() -> None:
    """List the classes of a classifier, or change them."""


def _edited(model, out, force, method, change):
    """Calls a method that edits the classes, and saves the classifier."""
    target = options.checked_classifier(out or model, force)
    classifier = ki.models.load_classifier(model)
    getattr(classifier, method)(change)
    classifier.save(target)
    rows = [_row(classifier, index) for index in range(len(classifier.classes))]
    known = ", ".join(classifier.classes[k] for k in _own(classifier))
    text = f"'{target}' knows {known}"
    return Result(text, {"out": str(target), "classes": rows})


def _row(classifier, index):
    """Returns what is known of a class, by name."""
    space, memory = classifier.label_space, classifier.memory
    target, counts = space.merged_into[index], classifier.statistics.counts
    kept = {} if memory is None else memory.counts
    return {
        "index": index,
        "class": classifier.classes[index],
        "answers_as": "" if target == -1 else classifier.classes[target],
        "samples": int(counts[index]) if index < len(counts) else 0,
        "exemplars": int(kept.get(index, 0)),
    }


def _own(classifier):
    """Returns the indices of classes that are neither merged nor removed."""
    answers = classifier.label_space.merged_into
    return [index for index, target in enumerate(answers) if index == target]


def _by_name(pairs):
    wrong = [pair for pair in pairs if pair.count("=") != 1]
    if wrong:
        raise ValueError(
            "Two names are joined by one =, as in kitten=cat. Received: "
            f"{wrong}."
        )
    return dict(pair.split("=") for pair in pairs)
