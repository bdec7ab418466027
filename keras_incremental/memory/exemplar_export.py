"""Exemplars as files that other programs read."""

import csv
import os
import pathlib
from collections.abc import Sequence

import keras
import numpy as np

from keras_incremental.utils import files
from keras_incremental.utils import records

TABLE = "exemplars.csv"
COLUMNS = ("id", "class", "phase", "label_version", "file")
# Samples that are read together.
ROWS = 256


def export(
    memory, folder: str | os.PathLike, names: Sequence[str] | None = None
) -> int:
    """Writes each exemplar to a file of its own, and a table of them.

    See `BaseMemory.export`.
    """
    with files.replacing(folder) as part:
        part.mkdir()
        path = part / TABLE
        with open(path, "w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(COLUMNS)
            for start in range(0, len(memory), ROWS):
                rows = np.arange(start, min(start + ROWS, len(memory)))
                table.writerows(_written(memory, rows, part, names))
    return len(memory)


def _written(memory, rows, folder, names):
    x, labels = memory.arrays(rows)
    columns = memory.ids[rows], memory.phases[rows], memory.label_versions[rows]
    for sample, label, *described in zip(x, labels, *columns, strict=True):
        name = int(label) if names is None else names[label]
        number, phase, version = map(int, described)
        file = _write(folder, number, sample)
        yield number, name, phase, version, file


def _write(folder: pathlib.Path, number, sample):
    """Writes a sample as a picture, if it is one, and returns the name."""
    if _is_picture(sample):
        name = f"{number}.png"
        keras.utils.save_img(folder / name, sample, scale=False)
    elif sample.dtype.names is not None:
        name = f"{number}.npz"
        fields = records.fields_of(sample[None]).items()
        np.savez(folder / name, **{field: x[0] for field, x in fields})
    else:
        name = f"{number}.npy"
        np.save(folder / name, sample)
    return name


def _is_picture(sample):
    if sample.ndim != 3 or sample.shape[-1] not in (1, 3):
        return False
    with np.errstate(invalid="ignore"):
        return np.array_equal(sample, sample.astype("uint8"))
