"""Folders of pictures that a person sorts."""

import pathlib
import shutil
from typing import Any

import numpy as np

from keras_incremental.cli.formatting import csv_text
from keras_incremental.cli.image_lists import REVIEW
from keras_incremental.cli.image_lists import UNKNOWN
from keras_incremental.utils.types import Config

COLUMNS = ("file", "source", "proposed", "reason", "score")


def proposed_folders(queue: Any, min_size: int) -> list[str]:
    """Returns the name of a folder for each sample of a queue.

    Args:
        queue: `ReviewQueue`.
        min_size: Int. Samples in a cluster of unknown ones at least.

    Raises:
        ImportError: if there are unknown samples, and no scikit-learn.
        ValueError: if the name of a class is no name of a folder.
    """
    names = np.array(queue.names, object)
    unknown = queue.reasons == "unknown"
    names[unknown] = UNKNOWN
    if unknown.sum() >= min_size:
        clusters = queue.clusters(min_size)
        for number in range(len(clusters)):
            members = np.isin(queue.indices, clusters.members(number))
            names[members] = f"{UNKNOWN}-{number + 1}"
    wrong = [name for name in names if pathlib.PurePath(name).name != name]
    if wrong:
        raise ValueError(
            "The name of a class must be the name of a folder here. "
            f"Received: {wrong[0]!r}. Rename it by `classes rename`."
        )
    return names.tolist()


def write_folders(
    folder: pathlib.Path,
    queue: Any,
    paths: tuple[pathlib.Path, ...],
    names: list[str],
) -> list[Config]:
    """Copies pictures into folders, and lists them in a CSV file.

    Args:
        folder: Path of a new folder.
        queue: `ReviewQueue`.
        paths: Paths of all pictures that were reviewed.
        names: Names of folders, one for each sample of the queue.

    Returns:
        List of dicts, the rows of the CSV file.
    """
    folder.mkdir()
    rows: list[dict[str, Any]] = []
    for place, (index, name) in enumerate(
        zip(queue.indices.tolist(), names, strict=True), 1
    ):
        # The most uncertain come first, and names never meet.
        file = pathlib.Path(name, f"{place:05d}-{paths[index].name}")
        (folder / name).mkdir(exist_ok=True)
        shutil.copyfile(paths[index], folder / file)
        values = (file.as_posix(), str(paths[index]), str(name))
        measured = (
            str(queue.reasons[place - 1]),
            float(queue.scores[place - 1]),
        )
        rows.append(dict(zip(COLUMNS, (*values, *measured), strict=True)))
    with open(folder / REVIEW, "w", encoding="utf-8", newline="") as file:
        file.write(csv_text([COLUMNS, *(list(row.values()) for row in rows)]))
    return rows
