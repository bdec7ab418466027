"""Pictures in files of any file system that Beam can read."""

from collections.abc import Sequence
from typing import Any

import apache_beam
import numpy as np
from apache_beam.io import fileio
from apache_beam.io.filesystems import FileSystems

from keras_incremental.cli.image_files import decode_image


class ReadImages(apache_beam.PTransform):
    """Pairs of a picture and the name of its folder.

    Pixels are those of `keras.utils.image_dataset_from_directory`. A file
    that several patterns match is read once.

    Args:
        patterns: String, or list of strings, such as `"gs://pets/*/*.jpg"`.
        size: `(height, width)` of the pictures, as the classifier reads them.
        channels: Int: 1, 3 or 4. Defaults to `3`.
    """

    def __init__(
        self,
        patterns: str | Sequence[str],
        size: tuple[int, int],
        channels: int = 3,
    ):
        super().__init__()
        one = isinstance(patterns, str)
        self.patterns = [patterns] if one else list(patterns)
        self.size = tuple(size)
        self.channels = channels

    def expand(self, input_or_inputs: Any) -> Any:
        """Returns a collection of pairs of an array and a string.

        Args:
            input_or_inputs: `apache_beam.Pipeline`.
        """
        return (
            input_or_inputs
            | apache_beam.Create(self.patterns)
            | fileio.MatchAll()
            | apache_beam.Map(lambda found: found.path)
            # Divides the paths among the workers, too.
            | apache_beam.Distinct()
            | apache_beam.Map(read_labeled, self.size, self.channels)
        )


def read_labeled(
    path: str, size: tuple[int, int], channels: int
) -> tuple[np.ndarray, str]:
    """Returns the pixels of a picture, and the name of its folder.

    Args:
        path: String.
        size: `(height, width)`.
        channels: Int: 1, 3 or 4.

    Raises:
        DamagedFileError: if it is no whole picture.
    """
    folder, _ = FileSystems.split(path)
    with FileSystems.open(path) as file:
        pixels = decode_image(file, path, size, channels)
    return pixels, FileSystems.split(folder.rstrip("/\\"))[1]
