"""Pictures as a classifier reads them."""

import dataclasses
import pathlib
from typing import Any

import numpy as np

import keras_incremental as ki
from keras_incremental.cli.image_files import read_image
from keras_incremental.cli.image_lists import ImageList
from keras_incremental.cli.progress import Progress
from keras_incremental.errors import DamagedFileError

SHOWN = 10


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Pictures that were read.

    Attributes:
        x: Array of shape `(num_pictures, height, width, channels)`.
        files: `ImageList` of them.
        broken: List of paths that were skipped.
    """

    x: np.ndarray
    files: ImageList
    broken: list[str]

    @property
    def y(self) -> np.ndarray:
        """Array of the names of their classes."""
        return np.array(self.files.labels)


@dataclasses.dataclass(frozen=True)
class PictureReader:
    """Reads pictures for a classifier.

    Args:
        sample_shape: `(height, width, channels)`.
        skip_broken: Bool. Whether broken files are left out.
        progress: `Progress`.
    """

    sample_shape: tuple[int, ...]
    skip_broken: bool
    progress: Progress

    def read(self, files: ImageList, words: str = "reading") -> Pictures:
        """Returns the `Pictures` of a list.

        Args:
            files: `ImageList`.
            words: String, what is read. Defaults to `"reading"`.

        Raises:
            ValueError: if a picture is broken and must not be skipped.
        """
        height, width, channels = self.sample_shape
        x = np.empty((len(files), *self.sample_shape), "float32")
        rows: list[int] = []
        broken: list[DamagedFileError] = []
        for row, path in enumerate(self.progress.over(files.paths, words)):
            try:
                x[len(rows)] = read_image(path, (height, width), channels)
            except DamagedFileError as error:
                broken.append(error)
                continue
            rows.append(row)
        self._tell(broken, len(rows), len(files.left_out))
        return Pictures(
            x[: len(rows)], files.chosen(rows), [str(e.path) for e in broken]
        )

    def _tell(self, broken, count, unnamed):
        if unnamed:
            self.progress.warn(
                f"Left out {unnamed} pictures in folders of unknown classes "
                "that nobody has named."
            )
        if broken and not self.skip_broken:
            names = [error.path for error in broken]
            raise ValueError(
                f"{len(broken)} of {len(broken) + count} pictures cannot be "
                f"read. Received: {names[:SHOWN]}. Remove them, or go on "
                f"without them by --skip-broken. The first: {broken[0]}"
            )
        for error in broken:
            self.progress.warn(f"Left out. {error}")


def reader_for(
    classifier: Any,
    size: tuple[int, int] | None,
    skip_broken: bool,
    progress: Progress,
) -> PictureReader:
    """Returns a `PictureReader` for the input of a classifier.

    Args:
        classifier: `IncrementalClassifier`.
        size: `(height, width)` where its input leaves them open, or `None`.
        skip_broken: Bool.
        progress: `Progress`.

    Raises:
        ValueError: if it does not read pictures, or the size is not known.
    """
    shape = classifier.features.input_shape[1:]
    if len(shape) != 3 or shape[-1] not in (1, 3, 4):
        raise ValueError(
            "The command line reads pictures, of shape (height, width, 3). "
            f"Received: a classifier of samples of shape {shape}. Use it in "
            "Python, where `learn` takes arrays."
        )
    wanted = _size(shape[:2], tuple(size or ()))
    return PictureReader((*wanted, shape[-1]), skip_broken, progress)


def open_classifier(path: pathlib.Path) -> Any:
    """Returns the classifier of a file, of one class for each picture.

    Raises:
        OSError: if there is no such file.
        ValueError: if it is damaged, or of another kind.
    """
    classifier = ki.models.load_classifier(path)
    if classifier.multi_label or classifier.classifies_positions:
        raise ValueError(
            "The command line knows classifiers of one class for each "
            f"picture. Received: '{path}', a classifier of problem type "
            f"'{classifier.problem.name}'. Use it in Python."
        )
    return classifier


def check_calibrated(classifier: Any, path: pathlib.Path) -> None:
    """Raises unless a classifier knows what is unknown.

    Args:
        classifier: `IncrementalClassifier`.
        path: Path of its file.
    """
    if classifier.rejector is not None:
        return
    state = "does not know what is unknown"
    if classifier.calibration_is_stale:
        state = "has changed since it was calibrated for what is unknown"
    raise ValueError(
        f"'{path}' {state}. Run `keras-incremental calibrate {path} DATA "
        "--force`, where DATA has pictures that it has not learned from, of "
        f"{', '.join(classifier.classes)}."
    )


def _size(fixed, given):
    if None not in fixed:
        if given and given != tuple(fixed):
            raise ValueError(
                f"The model reads pictures of {fixed[0]} x {fixed[1]}. "
                f"Received: --size {given[0]} {given[1]}. Leave it out."
            )
        return tuple(fixed)
    if not given:
        raise ValueError(
            "The model takes pictures of any size. Received: no --size. Give "
            "the one that it was trained with, such as --size 224 224."
        )
    return given
