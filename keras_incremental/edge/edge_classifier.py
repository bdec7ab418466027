"""A classifier that learns where it is deployed."""

import dataclasses
import os
import pathlib
import unicodedata
from collections.abc import Callable
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.edge.head import LAG
from keras_incremental.edge.head import Head
from keras_incremental.edge.runtimes import backbone_in
from keras_incremental.statistics.solved_columns import is_worse
from keras_incremental.statistics.solved_columns import offsets_of

HEAD = "head.npz"


class Prediction(NamedTuple):
    """Names and scores of samples.

    Attributes:
        names: Array of strings of shape `(count,)`, the most probable class.
        scores: Array of shape `(count, classes)`, probabilities, or logits
            where the exported classifier gave logits.
    """

    names: np.ndarray
    scores: np.ndarray


@dataclasses.dataclass(frozen=True)
class EdgeReport:
    """Report of one `learn` on a device.

    Attributes:
        new_classes: Tuple of strings.
        samples: Int. How many there were.
        solved: Bool. `False` where the head stays as it is: on these samples
            of known classes it is better than a solved one.
    """

    new_classes: tuple[str, ...]
    samples: int
    solved: bool


class EdgeClassifier:
    """A classifier of a frozen backbone, with a head that is solved.

    It needs NumPy and the runtime of its backbone only. `learn` gives the
    head that `IncrementalClassifier.learn` gives for the same features.
    Nothing is trained: where that would train the head instead, as the solved
    one is worse on old classes, the head is solved here all the same.

    What is kept of samples: the mean of the features of each class, one
    matrix of their products, and the features of the first 50 samples of each
    class, which find the temperature when devices are merged. No image.

    The head keeps the eigenvectors of that matrix, so that a call of `learn`
    takes little longer than the forward passes of its samples. When new
    samples are an eighth as many as features, the next call computes them
    anew; so does `save` from a sixteenth on.

    Args:
        head: `Head`.
        backbone: Function from an array of samples to their features.
        path: Path where `save` writes by default.
    """

    def __init__(
        self,
        head: Head,
        backbone: Callable[[np.ndarray], np.ndarray],
        path: str | os.PathLike,
    ):
        self.head = head
        self._backbone = backbone
        self._path = path

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of all classes, in the order of the scores."""
        return self.head.classes

    def predict(self, images: ArrayLike, batch_size: int = 32) -> Prediction:
        """Returns the names and the scores of samples.

        Args:
            images: Array of shape `(count, ...)`, as the exported classifier
                reads them: raw pixels where its preprocessing is inside.
            batch_size: Int. Defaults to `32`.
        """
        scores = self.head.outputs(self._features(images, batch_size))
        return Prediction(np.asarray(self.classes)[scores.argmax(-1)], scores)

    def learn(
        self,
        images: ArrayLike,
        names: str | Sequence[str],
        batch_size: int = 32,
    ) -> EdgeReport:
        """Learns new classes, or more of known ones, and solves the head.

        Args:
            images: See `predict`.
            names: String, the class of all of them, or one for each.
            batch_size: Int. Defaults to `32`.

        Returns:
            An `EdgeReport`.

        Raises:
            ValueError: if images or names do not fit. Nothing is changed.
        """
        features, labels, new = self._read(images, names, batch_size)
        old = self.head.renewed(LAG)
        along = old.along_basis(features)
        head = old.with_samples(features, along, labels, new)
        columns, left_out = head.solved(along, labels)
        stays = not new and _is_worse(left_out, old)
        if not stays:
            head = dataclasses.replace(head, columns=columns)
        self.head = head
        return EdgeReport(tuple(new), len(labels), not stays)

    def remember(
        self,
        images: ArrayLike,
        names: str | Sequence[str],
        batch_size: int = 32,
    ) -> None:
        """Keeps statistics of samples of known classes; the head stays.

        Args:
            images: See `predict`.
            names: String, the class of all of them, or one for each.
            batch_size: Int. Defaults to `32`.

        Raises:
            ValueError: if a class is not known. Nothing is changed.
        """
        features, labels, new = self._read(images, names, batch_size)
        if new:
            raise ValueError(
                "`names` must be known classes. Received: "
                f"{new}. Known classes: {list(self.classes)}. Call `learn`."
            )
        head = self.head.renewed(LAG)
        along = head.along_basis(features)
        self.head = head.with_samples(features, along, labels, ())

    def forget(self, name: str) -> None:
        """Forgets a class: its column, its mean and its features.

        Scores of the others are as if it had never been. Of the matrix that
        all classes share, the share of its samples is taken off.

        Args:
            name: String.

        Raises:
            ValueError: if it is not known, or the only one.
        """
        if name not in self.classes or len(self.classes) == 1:
            raise ValueError(
                "`name` must be a class that is not the only one. Received: "
                f"name={name!r}. Known classes: {list(self.classes)}."
            )
        self.head = self.head.without(self.classes.index(name))

    def save(self, path: str | os.PathLike | None = None) -> None:
        """Writes the head, in a file that `load` and a merge read.

        An old file stays until the new one is whole.

        Args:
            path: String or path. Defaults to `None`, where it was loaded
                from.
        """
        self.head.save(self._path if path is None else path)

    def _features(self, images, batch_size):
        images = np.asarray(images)
        if not images.ndim or not len(images):
            raise ValueError(
                "`images` must be an array of one sample or more. Received: "
                f"images of shape {images.shape}."
            )
        starts = range(0, len(images), batch_size)
        parts = [self._backbone(images[k : k + batch_size]) for k in starts]
        return np.concatenate(parts)

    def _read(self, images, names, batch_size):
        """Returns features, labels, and the names of new classes."""
        images = np.asarray(images)
        names = [names] * len(images) if isinstance(names, str) else list(names)
        _check_names(names, images)
        names = [unicodedata.normalize("NFC", name) for name in names]
        features = self._features(images, batch_size)
        if not np.isfinite(features).all():
            raise ValueError(
                "Features must be finite. Received: images that give NaN or "
                "infinity. Check them for extreme values."
            )
        new = [n for n in dict.fromkeys(names) if n not in self.classes]
        places = {n: k for k, n in enumerate((*self.classes, *new))}
        return features, np.array([places[name] for name in names]), new


def load(
    path: str | os.PathLike, head: str | os.PathLike | None = None
) -> EdgeClassifier:
    """Returns a classifier that predicts and learns, without Keras.

    Args:
        path: Folder that `IncrementalClassifier.export(extendable=True)` has
            written.
        head: File that `EdgeClassifier.save` has written. Defaults to `None`,
            that in the folder.

    Raises:
        OSError: if a file is not there.
        ImportError: if the runtime of the backbone is not installed.
        DamagedFileError: if the head is damaged, or of another kind.
    """
    folder = pathlib.Path(path)
    head_path = folder / HEAD if head is None else head
    return EdgeClassifier(Head.load(head_path), backbone_in(folder), head_path)


def _is_worse(left_out, old):
    """Returns whether a solved head is worse on samples it was made of."""
    labels, weights = left_out.labels, old.weights
    logits = left_out.logits + offsets_of(weights)
    scores = old.along_columns().scores(left_out.features)
    return is_worse(
        logits.argmax(-1) == labels,
        scores.argmax(-1) == labels,
        surely=False,
        weights=weights[labels],
    )


def _check_names(names, images):
    odd = [n for n in names if not isinstance(n, str) or not n.strip()]
    if odd or len(names) != len(images):
        raise ValueError(
            "`names` must be a non-empty string, or one for each sample. "
            f"Received: {len(names)} names for {len(images)} samples"
            f"{f', among them {odd[:3]}' if odd else ''}."
        )
