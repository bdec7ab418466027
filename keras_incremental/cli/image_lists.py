"""Lists of pictures: folders of classes, and CSV files."""

import collections
import csv
import dataclasses
import os
import pathlib
import re
from collections.abc import Sequence
from typing import Self

# What `keras.utils.image_dataset_from_directory` reads.
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
SHOWN = 5
PATH, LABEL = "path", "label"
# The list in a folder that a person sorts, and its folders without a name.
REVIEW, UNKNOWN = "review.csv", "unknown"
UNNAMED = re.compile(rf"{UNKNOWN}(-\d+)?")


@dataclasses.dataclass(frozen=True)
class ImageList:
    """Paths of pictures, and the class of each.

    Attributes:
        paths: Tuple of paths.
        labels: Tuple of names of classes, or `None`.
        left_out: Tuple of paths, of pictures that nobody has named.
    """

    paths: tuple[pathlib.Path, ...]
    labels: tuple[str, ...] | None = None
    left_out: tuple[pathlib.Path, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def classes(self) -> list[str]:
        """List of the names of the classes, in alphabetical order."""
        return sorted(set(self.labels or ()))

    @property
    def counts(self) -> dict[str, int]:
        """Dict of the names of the classes and numbers of pictures."""
        counts = collections.Counter(self.labels or ())
        return {name: counts[name] for name in self.classes}

    def chosen(self, rows: Sequence[int]) -> Self:
        """Returns the list of some of the pictures.

        Args:
            rows: Ints.
        """
        labels = self.labels and tuple(self.labels[row] for row in rows)
        paths = tuple(self.paths[row] for row in rows)
        return dataclasses.replace(self, paths=paths, labels=labels)


def labeled_images(
    source: str | os.PathLike, label: str | None = None
) -> ImageList:
    """Returns the pictures of a folder or of a CSV file, and their classes.

    Args:
        source: Folder with a folder for each class; folder of pictures of
            one class, if it is given; or CSV file with the columns `path`,
            relative to it, and `label`.
        label: String, the one class of all pictures. Defaults to `None`: the
            names of folders, or the column.

    Raises:
        OSError: if there is no such folder, or no such file.
        ValueError: if there are no pictures, or no classes.
    """
    source = _existing(source)
    if source.is_file():
        return _from_csv(source, label)
    if label is not None:
        return _of_one_class(source, label)
    return _from_folders(source)


def unlabeled_images(source: str | os.PathLike) -> ImageList:
    """Returns the pictures of a folder and of all folders in it.

    Args:
        source: Folder, CSV file with a column `path`, or picture.

    Raises:
        OSError: if there is no such folder, or no such file.
        ValueError: if there are no pictures.
    """
    source = _existing(source)
    if source.suffix.lower() in SUFFIXES and source.is_file():
        return ImageList((source,))
    if source.is_file():
        return ImageList(_paths_of(source, _rows(source, (PATH,))))
    return ImageList(_pictures_in(source))


def _existing(source):
    source = pathlib.Path(source)
    # Raises where there is nothing.
    os.stat(source)
    if source.is_file() and source.suffix.lower() not in (".csv", *SUFFIXES):
        raise ValueError(
            "Pictures are in folders, or listed in a CSV file. Received: "
            f"'{source}'. Give a folder, or a file that ends in .csv."
        )
    return source


def _from_folders(source):
    folders = sorted(
        (f for f in source.iterdir() if f.is_dir() and f.name[0] != "."),
        key=lambda folder: folder.name,
    )
    unnamed = [f for f in folders if _is_unnamed(source, f.name)]
    left_out = tuple(p for f in unnamed for p in _pictures_in(f, least=0))
    folders = [f for f in folders if f not in unnamed]
    if not folders:
        raise ValueError(
            "There is no folder for each class. Received: "
            f"'{source}'. Sort pictures into folders with the names of their "
            "classes, or, where all show one class, name it: --class NAME."
        )
    found = [ImageList(_pictures_in(f)) for f in folders]
    return ImageList(
        tuple(path for part in found for path in part.paths),
        tuple(
            folder.name
            for folder, part in zip(folders, found, strict=True)
            for _ in part.paths
        ),
        left_out,
    )


def _is_unnamed(source, name):
    """Returns whether a folder of `review` still waits for its name."""
    return (source / REVIEW).is_file() and bool(UNNAMED.fullmatch(name))


def _of_one_class(source, label):
    paths = _pictures_in(source)
    return ImageList(paths, (label,) * len(paths))


def _pictures_in(folder, least=1):
    # In the order of `image_dataset_from_directory`.
    walk = sorted(os.walk(folder), key=lambda found: found[0])
    paths = tuple(
        pathlib.Path(root, name)
        for root, _, names in walk
        for name in sorted(names)
        if name.lower().endswith(SUFFIXES)
    )
    if len(paths) < least:
        raise ValueError(
            f"There are no pictures. Received: '{folder}'. Give a folder of "
            f"files that end in {', '.join(SUFFIXES)}; remove folders that "
            "are no classes."
        )
    return paths


def _from_csv(source, label):
    if label is not None:
        paths = _paths_of(source, _rows(source, (PATH,)))
        return ImageList(paths, (label,) * len(paths))
    rows = _rows(source, (PATH, LABEL))
    return ImageList(
        _paths_of(source, rows), tuple(row[LABEL].strip() for row in rows)
    )


def _rows(source, columns):
    if source.suffix.lower() != ".csv":
        raise ValueError(
            f"One picture has no list of classes. Received: '{source}'. Give "
            "a folder, or a CSV file."
        )
    with open(source, encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
        names = reader.fieldnames or []
    missing = [name for name in columns if name not in names]
    if missing:
        raise ValueError(
            f"The first line must name the columns {list(columns)}. "
            f"Received: {list(names)} in '{source}'."
        )
    empty = [
        number
        for number, row in enumerate(rows, 2)
        if not all((row[name] or "").strip() for name in columns)
    ]
    if empty or not rows:
        raise ValueError(
            "Each line must have a value in the columns "
            f"{list(columns)}. Received: none in the lines {empty[:SHOWN]} of "
            f"'{source}', which has {len(rows)}. Add values, or remove lines."
        )
    return rows


def _paths_of(source, rows):
    paths = tuple(source.parent / row[PATH].strip() for row in rows)
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"'{source}' lists {len(missing)} files that do not exist, such "
            f"as {missing[:SHOWN]}. Paths are relative to its folder."
        )
    return paths
